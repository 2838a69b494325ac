"""The chapters of the demo's story, by what they are about; `simulator/demo/story.py` has their order."""
