"""``unclip serve``: the official editor and ComfyUI's HTTP interface, over our executor.

``jobs`` and ``store`` are the queue on disk, ``worker`` runs it, ``hub`` tells the websockets,
the ``routes_…`` modules answer requests and ``app`` joins them. Only this folder needs aiohttp.
"""
