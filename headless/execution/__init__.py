"""The embedded executor: validate a prompt, then run it, with ComfyUI's rules for V1 nodes."""
