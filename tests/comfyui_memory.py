"""ComfyUI's model manager moves our networks: run by test_comfyui.py."""

import torch
from inside_comfyui import caller, load_pack

call = caller(load_pack().NODE_CLASS_MAPPINGS)

import comfy.model_management as management  # noqa: E402  (there once the pack is loaded)


def draw(decoder, embed):
    sampling = {"seed": 1, "steps": 2, "guidance_scale": 2.0, "width": 0, "height": 0, "count": 1}
    return call("UnCLIPDecode", decoder=decoder, image_embed=embed, **sampling)[0]


def managed():
    return {type(one.model.model).__name__ for one in management.current_loaded_models}


text_encoder, prior, _, decoder = call("UnCLIPLoader", model="demo")
assert managed() == set(), "nothing is loaded before it runs"
(text,) = call("UnCLIPTextEncode", text_encoder=text_encoder, text="a red heart")
embed, _ = call("UnCLIPPrior", prior=prior, text_embed=text, seed=1, steps=2, guidance_scale=2.0)
picture = draw(decoder, embed)
assert {"PriorTransformer", "UNet2DConditionModel", "VQModel"} <= managed(), managed()

management.unload_all_models()
assert managed() == set()
assert draw(decoder, embed).equal(picture), "a network that was unloaded comes back"

# The low-VRAM mode: layers that do not fit stay off the device and stream in at each use.
unet = decoder._unet.network


def predict():
    size = unet.module.config.sample_size
    x = torch.ones(1, unet.module.config.in_channels, size, size)
    condition = {"image_embeds": embed.vectors}
    with torch.inference_mode():
        return unet.module(x, 5, encoder_hidden_states=None, added_cond_kwargs=condition).sample


expected = predict()
unet.handle.detach()
unet.handle.load(unet.device, lowvram_model_memory=unet.size // 2)
streamed = [layer for layer in unet.module.modules() if getattr(layer, "comfy_cast_weights", 0)]
assert unet.handle.model.model_lowvram and len(streamed) > 10, len(streamed)
assert predict().equal(expected), "a network that streams predicts the same"

# ComfyUI frees part of a network for another node; the next use brings it back.
management.unload_all_models()
draw(decoder, embed)
unet.handle.partially_unload(torch.device("cpu"), unet.size // 2)
assert draw(decoder, embed).equal(picture)

decoder._unet.make_room()
assert managed() == {"UNet2DConditionModel"}, "others leave when memory runs out"
print("ok")
