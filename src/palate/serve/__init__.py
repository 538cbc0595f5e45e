"""The studio's verbs over HTTP: JSON for the web application and for programs."""
