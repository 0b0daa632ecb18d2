"""ComfyUI's own nodes that work here, under the names its core gives them."""
