"""Alerts: one message per incident to a webhook or by e-mail, a reminder a day, and one when it is over.

`observing` and `missing` say what is, `planning` what is to be said of it (both without sending), `store` remembers,
`webhook` and `mail` send, `report` puts them together. A channel that fails never fails the pipeline.
"""
