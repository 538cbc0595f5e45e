"""The rules by which intents are heard, one pattern a line; NTH and THIS stand for what points at something shown."""

from __future__ import annotations

import re

from palate.converse.state import Intent

NTH, THIS = "nthref", "thisref"
_MAKES = r"^(?:(?:please|now|can you|could you|and|so)[, ]+)*(?:draw|make|create|paint|generate|give|do)"
_RULES: dict[Intent, tuple[str, ...]] = {
    "undo": (
        r"^(?:please )?(?:undo|revert|go back|back|never ?mind)\b",
        r"^(?:please )?(?:one )?step back\b|^(?:scratch|cancel) that",
        r"^(?:i )?take (?:that|it) back\b|^no,? as (?:it was )?before\b",
        r"^forget (?:that|it|the last)(?: one)?[.! ]*$",
    ),
    "personalise": (
        rf"{_MAKES}\b.*\b(?:what|ones|pictures|things) i(?:'ve| have)? (?:\w+ )?(?:like|love|cho[os]se|pick)",
        rf"{_MAKES}\b.*\bmy (?:likes|taste|favou?rites|history|choices)\b",
        rf"{_MAKES} (?:me )?(?:something|anything|a picture) (?:new )?(?:for me|i(?:'d| would| might) (?:like|love))",
        r"\bpersonali[sz]e\b",
    ),
    "identify": (
        r"^(?:and )?who (?:made|drew|painted)\b",
        r"\b(?:which|what|whose) (?:of my )?(?:models?|loras?|hand) (?:drew|draws?|made|can|could|is)\b.*(?:NTH|THIS)",
        r"^identify\b|\bwho else (?:draws|drew|could)\b",
    ),
    "steer": (
        r"\b(?:variations?|variants|alternatives)\b",
        r"^(?:please )?(?:show (?:me )?|give me |make )?(?:\w+ ){1,2}(?:versions|takes|ideas|directions)\b",
        r"^(?:please )?(?:steer|guide|lead) (?:me|THIS|us)\b|\bstep by step\b",
    ),
    "tell": (
        r"^(?:please )?(?:remember|keep in mind|note|forget) that i\b",
        r"\bi (?:always|never|usually|generally|normally) (?:want|like|prefer|love|hate|dislike)\b",
        r"^(?:for|in) (?:the )?future\b|^my (?:taste|style) is\b",
    ),
    "question": (
        r"\b(?:which|what|how many|when|show)\b.*\b(?:did|have) i\b",
        r"\bof mine\b|\bmy (?:likes|choices|favou?rites|history|taste|preferences)\b",
        r"\bwhat do you (?:know|remember)\b|^how many\b|^who (?:made|drew)\b",
        r"\b(?:licen[cs]e|trigger words?|downloads|base model)\b|^(?:which|what) (?:base|licen[cs]e|models? do i)\b",
    ),
    "explain": (
        r"^(?:but |and |so )?(?:why|how come|explain|for what reason|because of what)\b",
        r"\bwhat makes\b|\bwhat (?:is|was) THIS based on\b|\bwhat speaks for\b|\breasons?\b",
    ),
    "change": (
        r"^(?:ok(?:ay)?,? |no,? |hm+,? )?(?:something|anything) (?:completely |entirely |quite )?(?:else|different)\b",
        r"\bstart (?:over|again|afresh)\b|\bfrom scratch\b",
        r"\b(?:new|different|another|change (?:of|the)) (?:topic|subject|idea)\b",
        r"^(?:actually|now|instead),? (?:i|show|find|let)\b",
        r"^forget (?:about |all )?(?:the|all|this|everything)\b",
        r"^let'?s (?:talk about|do|try) (?:something|another|a different)\b",
    ),
    "recommend": (
        r"\bsurprise me\b|\binspire me\b|\bto my taste\b|\bno idea what i\b",
        r"^recommend(?: me)?(?: something| anything)?[.!?]*$",
        r"\b(?:might|would|could|may) i (?:like|enjoy)\b|\bi (?:might|would|could|may) (?:like|enjoy)\b",
    ),
    "choose": (
        r"\b(?:take|choose|pick|like|love|want|prefer|keep|go with|dislike|hate)\b.{0,20}\bNTH\b(?!.*\b(?:but|only)\b)",
        r"^(?:yes,? )?(?:please )?NTH(?: please| it is)?[,.! ]*(?:please)?[.!]*$",
        r"^(?:yes,? )?NTH is (?:the )?(?:perfect|best|great|lovely|good|nice|right)\b",
        r"\bnone of (?:them|these|those)\b|^NTH is (?:awful|terrible|bad|ugly|horrible|wrong)",
        r"^(?:i )?(?:do not|don't|dont) (?:like|want|care for) (?:NTH|any|THIS)",
        r"^(?:i )?(?:really )?(?:like|love|hate|dislike) THIS\b[.! ]*$",
    ),
    "draw": (
        r"^(?:please |now |ok(?:ay)?,? |yes,? |and )*(?:draw|paint|render|generate|create)\b",
        r"^(?:go ahead and )?make (?:THIS|(?:me )?(?:a |some |\d |two |three |four )?pictures?)[.! ]*$",
    ),
}
_CRITIQUES = (
    r"(?:NTH|THIS)[,;]?\s*(?:but|only|just)\b",
    r"^(?:more )?(?:like|as|closer to|same as) (?:NTH|THIS)",
    r"^(?:but|more|less|not (?:so|as|too)|without|no|with|too|in|add|remove)\b",
    r"\b(?:make|could) THIS\b|\binstead of\b|\b(?:a (?:bit|little)|slightly|much) \w+er\b",
    r"THIS(?:'s| is| are) too\b|^THIS should\b",
)


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns).replace("NTH", NTH).replace("THIS", THIS))


RULES = {intent: _compiled(patterns) for intent, patterns in _RULES.items()}
CRITIQUE = _compiled(_CRITIQUES)
LIKE_BUT = _compiled(
    (r"^(?:(?:more )?(?:like|as|closer to|similar to|same as)\s+)?(?:NTH|THIS)[,;:]*\s*(?:but|only|just|and)?\s+",)
)

_MORE = r"^(?:please )?(?:show (?:me )?)?(?:some )?(?:more|others?|similar)(?: ones)? "
LIKE_THAT = _compiled((rf"{_MORE}(?:like|as|to) (?:NTH|THIS)[.!? ]*$",))
"""What is like a picture, with nothing otherwise."""

SMALL_TALK = re.compile(
    r"^(?:thanks|thank you|hello|hi|hey|ok|okay|good|great|nice|help)(?: there| a lot| so much)?[.!? ]*$"
    r"|^(?:what (?:can|could) (?:you|i) (?:do|say|ask)|how does (?:this|it) work)(?: here| for me)?[.!? ]*$"
)
ASKS = re.compile(
    r"^(?:hi|hello|hey)?[,!. ]*(?:please )?(?:(?:can|could|would) you )?"
    r"(?:i(?:'m| am) looking for|i (?:need|want|would like)|i'd like|(?:help me )?find(?: me)?|show(?: me)?|look for"
    r"|search(?: for)?|recommend(?: me)?|suggest(?: me)?|give me|let's (?:do|try)"
    r"|what (?:could|can|should|do) i use for|which (?:model|of my models) (?:draws|for|can draw|could draw))\s+"
    r"(?:(?:a |some |the )?(?:models?|pictures?|images?|loras?|checkpoints?|something)"
    r" (?:for|of|that (?:draws?|shows?)|with|to draw)\s+)?"
)
NEW_SUBJECT = re.compile(
    r"^(?:(?:ok(?:ay)?|no|hm+|actually|now|instead)[,: ]+)*(?:let'?s (?:talk about|do|try)\s+)?"
    r"(?:(?:something|anything|a|another|new) ?(?:completely |entirely |quite )?(?:else|different)?"
    r"(?: topic| subject| idea)?(?:[:,.;! ]+|$))?"
    r"(?:forget (?:about |all )?(?:the |this |that )?[\w' ]{0,40}?[,.;:]\s*)?"
    r"(?:start (?:over|again|afresh)|from scratch)?(?: with)?[,.:;! ]*"
)
A_THING = re.compile(r"^(?:an?|some|two|three|something (?:for|with|like)) [a-z]")
"""What somebody wants is most often said like this, and nothing else is."""
DRAWS = re.compile(r"\b(?:draw|paint|render|generate|create)(?:s|n|ed|ing)?\b(?! by\b)", re.IGNORECASE)
DRAW_WHAT = re.compile(
    r"^(?:please |now |ok(?:ay)?,? |yes,? |and |go ahead and )*(?:draw|paint|render|generate|create|make)\b"
    r"\s*(?:(?:me|\d+|two|three|four|a few|some|of|now|pictures?|please|with|by|again)\b|[.!? ])*"
)
DISLIKES = re.compile(
    r"n't\b|\b(?:not|dont|none|never|hate|dislike|awful|terrible|bad|ugly|horrible|wrong|don't care)\b"
)
STEER_WHAT = re.compile(
    r"^.*?\b(?:variations?|variants|alternatives|versions|takes|ideas|directions|steer|guide|lead|step by step)\b"
    r"(?: (?:me|THIS|us))?(?: (?:to|towards|of|on|for))*(?: (?:NTH|THIS))?\s*".replace("NTH", NTH).replace("THIS", THIS)
)
"""What stands before the subject that is to be varied."""
