"""From a camera's frames to which of the expected cars stands there, if any."""

import os

# ONNX Runtime's official builds send events to Microsoft, and keep an id for the machine, unless told not to before
# they are first loaded; a unit tells nobody what it does.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
