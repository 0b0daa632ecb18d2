"""unCLIP on one page: a prompt becomes a picture, with the demo model and nothing of this package.

python examples/one_page.py "a large red circle on a white background" picture.png
"""

import sys
from pathlib import Path

import diffusers
import torch
import transformers
from PIL import Image

prompt, file = sys.argv[1:]
demo = Path(__file__).resolve().parent.parent / "models" / "demo"
torch.set_grad_enabled(False)
noise = torch.Generator().manual_seed(0)

# 1 Text encode: the prompt's embedding z_t and token states; the empty prompt's, to move away from.
tokenizer = transformers.CLIPTokenizer.from_pretrained(demo / "prior_tokenizer")
tower = transformers.CLIPTextModelWithProjection.from_pretrained(demo / "prior_text_encoder")
tokens = [tokenizer(t, padding="max_length", return_tensors="pt") for t in ("", prompt)]
texts = [tower.float()(one.input_ids) for one in tokens]
pooled = torch.cat([text.text_embeds for text in texts])
states = torch.cat([text.last_hidden_state for text in texts])
mask = torch.cat([one.attention_mask for one in tokens]).bool()

# 2 Prior, p(z_i | z_t): noise becomes an image embedding, by steps that follow the text.
prior = diffusers.PriorTransformer.from_pretrained(demo / "prior_prior").float()
scheduler = diffusers.UnCLIPScheduler.from_pretrained(demo / "prior_scheduler")
scheduler.set_timesteps(10)
x = torch.randn(1, prior.config.embedding_dim, generator=noise)
for t, after in zip(scheduler.timesteps, [*scheduler.timesteps[1:], None], strict=True):
    away, given = prior(torch.cat([x, x]), t, pooled, states, mask)[0].chunk(2)
    guided = away + 2.0 * (given - away)
    x = scheduler.step(guided, t, x, prev_timestep=after, generator=noise).prev_sample
z = prior.post_process_latents(x)

# 3 Image encode: "no picture" is the embedding of zero pixels. A picture's would do for z, too.
tower = transformers.CLIPVisionModelWithProjection.from_pretrained(demo / "prior_image_encoder")
edge = tower.config.image_size
none = tower.float()(torch.zeros(1, 3, edge, edge)).image_embeds

# 4 Edit: z is a point on a sphere; mix it, turn it, move it along a difference of texts.

# 5 Decode, p(y | z): noise becomes the latents of a picture, by steps that follow z.
unet = diffusers.UNet2DConditionModel.from_pretrained(demo / "unet").float()
scheduler = diffusers.DDIMScheduler.from_pretrained(demo / "scheduler")
scheduler.set_timesteps(25)
size, channels = unet.config.sample_size, unet.config.in_channels
x = torch.randn(1, channels, size, size, generator=noise)
for t in scheduler.timesteps:
    seen = {"image_embeds": torch.cat([none, z])}
    output = unet(torch.cat([x, x]), t, None, added_cond_kwargs=seen).sample[:, :channels]
    away, given = output.chunk(2)
    x = scheduler.step(away + 3.0 * (given - away), t, x).prev_sample
movq = diffusers.VQModel.from_pretrained(demo / "movq").float()
picture = movq.decode(x, force_not_quantize=True).sample
levels = ((picture[0] * 0.5 + 0.5).clamp(0, 1).permute(1, 2, 0) * 255).round().byte()
Image.fromarray(levels.numpy()).save(file)
