"""The sample clips: a stand-in infant that cries and laughs, made by code, with the truth of every frame beside it.

`python -m wail.samples.make OUT` writes them. They are the demo's input and the tests' oracle; nobody was filmed.
"""
