"""VASER (Zhong et al. 2020): a session's latent goes through a normalising flow, so that it need not be normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.svae import SVAE

if TYPE_CHECKING:
    import torch


@dataclass
class VASER(SVAE):
    """Planar flows (Rezende and Mohamed 2015) after the recurrent encoder; only the very next item is told."""

    ahead: int = 1
    flows: int = 4

    def build(self, items: int) -> torch.nn.Module:
        import torch
        from torch import nn

        network = super().build(items)
        for name in ("flow_u", "flow_w"):
            network.register_parameter(name, nn.Parameter(0.1 * torch.randn(self.flows, self.latent)))
        network.register_parameter("flow_b", nn.Parameter(torch.zeros(self.flows)))
        return network

    def latents(self, read: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """z_K of z_0, and the sampled divergence log q(z_0) - sum log |det| - log p(z_K)."""
        import torch

        mean, log_variance = self.network["spread"](read).chunk(2, dim=-1)
        noise = torch.randn_like(mean) if self.network.training else torch.zeros_like(mean)
        z = mean + noise * (0.5 * log_variance).exp()
        log_q = -0.5 * (noise.square() + log_variance + math.log(2 * math.pi)).sum(-1)
        parameters = (self.network.get_parameter(name) for name in ("flow_u", "flow_w", "flow_b"))
        for u, w, b in zip(*parameters, strict=True):
            z, stretched = planar(z, u, w, b)
            log_q = log_q - stretched
        log_p = -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
        return z, log_q - log_p


def planar(z: torch.Tensor, u: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """f(z) = z + u tanh(w z + b) and log |det df/dz| (Rezende and Mohamed 2015, equations 10 to 12).

    u is moved so that w u > -1, without which f could not be undone (their appendix A.1).
    """
    from torch.nn.functional import softplus

    along = w @ u
    u = u + (softplus(along) - 1 - along) * w / w.square().sum().clamp_min(1e-9)
    bent = (z @ w + b).tanh()
    stretched = (1 + (1 - bent.square()) * (w @ u)).log()
    return z + u * bent[..., None], stretched
