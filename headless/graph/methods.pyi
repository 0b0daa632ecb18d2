"""The methods of a graph, for editors; written by stub.py."""

from collections.abc import Callable
from typing import Any, Literal

from ..nodeclass import Declarations
from .node import Node, Output

LOADER: str
Source = Node | Output

def method_name(class_type: str) -> str: ...

class _UnCLIPLoader(Node):
    text_encoder: Output
    prior: Output
    image_encoder: Output
    decoder: Output

class _UnCLIPHubLoader(Node):
    text_encoder: Output
    prior: Output
    image_encoder: Output
    decoder: Output

class _UnCLIPLoRA(Node):
    prior: Output
    decoder: Output

class _UnCLIPTextEncode(Node):
    text_embed: Output

class _UnCLIPPrior(Node):
    image_embed: Output
    negative_image_embed: Output

class _UnCLIPMultiPrompt(Node):
    image_embed: Output

class _UnCLIPPromptTravel(Node):
    image_embed: Output

class _UnCLIPImageEncode(Node):
    image_embed: Output

class _UnCLIPTextDiff(Node):
    image_embed: Output

class _UnCLIPPriorRefine(Node):
    image_embed: Output
    negative_image_embed: Output

class _UnCLIPVary(Node):
    image_embed: Output

class _UnCLIPBlend(Node):
    image_embed: Output

class _UnCLIPInterpolate(Node):
    image_embed: Output

class _UnCLIPEmbedMath(Node):
    image_embed: Output

class _UnCLIPDirection(Node):
    direction: Output

class _UnCLIPConceptSlider(Node):
    image_embed: Output

class _UnCLIPPrincipalComponents(Node):
    reconstruction: Output
    direction: Output
    shares: Output

class _UnCLIPRerank(Node):
    image_embed: Output
    scores: Output

class _UnCLIPEmbedBatch(Node):
    image_embed: Output

class _UnCLIPEmbedFromBatch(Node):
    image_embed: Output

class _UnCLIPSaveEmbed(Node):
    image_embed: Output

class _UnCLIPLoadEmbed(Node):
    image_embed: Output
    preview: Output
    provenance: Output

class _UnCLIPDecode(Node):
    image: Output

class _UnCLIPRegionEdit(Node):
    image: Output

class _UnCLIPUpscale(Node):
    image: Output

class _UnCLIPInvert(Node):
    noise: Output

class _UnCLIPNoise(Node):
    noise: Output

class _UnCLIPInspect(Node):
    matrix: Output
    map: Output
    json: Output

class _UnCLIPDescribe(Node):
    text: Output
    ranking: Output

class _UnCLIPToClipVision(Node):
    clip_vision_output: Output

class _UnCLIPFromClipVision(Node):
    image_embed: Output

class _UnCLIPToIPAdapter(Node):
    pos_embed: Output
    neg_embed: Output

class _ImageBatch(Node):
    image: Output

class _ImageInvert(Node):
    image: Output

class _ImagePadForOutpaint(Node):
    image: Output
    mask: Output

class _ImageScale(Node):
    image: Output

class _ImageScaleBy(Node):
    image: Output

class _ImageToMask(Node):
    mask: Output

class _InvertMask(Node):
    mask: Output

class _LoadImage(Node):
    image: Output
    mask: Output

class _LoadImageMask(Node):
    mask: Output

class _MaskToImage(Node):
    image: Output

class _PrimitiveBoolean(Node):
    boolean: Output

class _PrimitiveFloat(Node):
    float: Output

class _PrimitiveInt(Node):
    int: Output

class _PrimitiveString(Node):
    string: Output

class _PrimitiveStringMultiline(Node):
    string: Output

class _SolidMask(Node):
    mask: Output

class NodeMethods:
    """Node classes as methods, in snake_case and without ``UnCLIP``."""

    _declarations: Declarations
    def __init__(self, declarations: Declarations) -> None: ...
    def __getattr__(self, name: str) -> Callable[..., Node]: ...
    def add(
        self, class_type: str, /, *arguments: Any, title: str | None = None, **named: Any
    ) -> Node: ...
    def _models(self) -> frozenset[Any]: ...
    def loader(
        self,
        model: str | Source = ...,
        device: Literal["auto", "gpu", "offload", "cpu"] | Source = "auto",
        dtype: Literal["auto", "float32", "float16", "bfloat16", "float8"] | Source = "auto",
        *,
        title: str | None = None,
    ) -> _UnCLIPLoader:
        """Opens a model, a diffusers folder or a single file, and gives its four stages. Weights
        are read when a stage first runs, so a stage that a graph does not use costs nothing.

        Args:
            model: The model: the demo model that ships with the pack, a diffusers folder with
                safetensors weights under models/unclip or models/diffusers, or a single-file
                Stable unCLIP checkpoint there or under models/checkpoints.
            device: Where the stages run. auto: the graphics card if there is one; stages leave
                it when another needs room. gpu: they stay there. offload: only the one that
                runs is there. cpu: no graphics card. In ComfyUI its own memory manager moves
                them.
            dtype: Number type of the weights. auto: float16 on a graphics card, float32 on a
                CPU. float8 halves the memory that weights take once more, at a small loss.

        Outputs:
            text_encoder: Turns prompts into text embeddings.
            prior: Turns text embeddings into image embeddings.
            image_encoder: Turns pictures into image embeddings.
            decoder: Turns image embeddings into pictures.
        """

    def hub_loader(
        self,
        repository: str | Source = "kandinsky-community/kandinsky-2-2-decoder",
        revision: str | Source = "main",
        device: Literal["auto", "gpu", "offload", "cpu"] | Source = "auto",
        dtype: Literal["auto", "float32", "float16", "bfloat16", "float8"] | Source = "auto",
        *,
        title: str | None = None,
    ) -> _UnCLIPHubLoader:
        """Gives the four stages of a model on the Hugging Face Hub. The weights of a stage are
        downloaded, once, when it first runs: only safetensors, never code. A decoder that comes
        without a prior gets the one that its model card names.

        Args:
            repository: owner/name on the Hub, of a model in the diffusers layout.
            revision: A branch, a tag, or a commit, which makes a shared workflow repeatable.
            device: Where the stages run. auto: the graphics card if there is one; stages leave
                it when another needs room. gpu: they stay there. offload: only the one that
                runs is there. cpu: no graphics card. In ComfyUI its own memory manager moves
                them.
            dtype: Number type of the weights. auto: float16 on a graphics card, float32 on a
                CPU. float8 halves the memory that weights take once more, at a small loss.

        Outputs:
            text_encoder: Turns prompts into text embeddings.
            prior: Turns text embeddings into image embeddings.
            image_encoder: Turns pictures into image embeddings.
            decoder: Turns image embeddings into pictures.
        """

    def lora(
        self,
        lora: str | Source = "",
        strength: float | Source = 1.0,
        *,
        prior: Source | None = None,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPLoRA:
        """Adds a LoRA to a prior, a decoder, or both: whichever has the layers that the file
        names. Chain several of these nodes to stack them.

        Args:
            lora: A .safetensors file in models/loras.
            strength: 1 is as trained, 0 leaves the model as it is; negative turns the change
                round.
            prior: The prior to change, if it was trained on one.
            decoder: The decoder to change, if it was trained on one.

        Outputs:
            prior: The prior with the LoRA; the one given stays as it is.
            decoder: The decoder with the LoRA; the one given stays as it is.
        """

    def text_encode(
        self,
        text: str | Source = "a large red circle in the center on a white background",
        separate_lines: bool | Source = False,
        *,
        text_encoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPTextEncode:
        """Turns a prompt into a text embedding: z_t = CLIP_text(x).

        Args:
            text_encoder: The text encoder of a loaded model.
            text: What the picture should show. The demo model knows shapes, colours, sizes,
                positions and backgrounds: "a large red circle in the top left on a white
                background".
            separate_lines: Every line is a prompt of its own, and the embeddings are a batch.

        Outputs:
            text_embed: The prompt as an embedding.
        """

    def prior(
        self,
        text_embed: Source,
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        scheduler: Literal["default", "unclip", "ddpm", "ddim", "dpmpp_2m", "unipc"]
        | Source = "default",
        candidates: int | Source = 1,
        negative_text_embed: Source | None = None,
        *,
        prior: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPPrior:
        """Samples a CLIP image embedding for a text embedding, p(z_i | z_t): one of the many
        pictures that the text could mean.

        Args:
            prior: The prior of a loaded model.
            text_embed: What the picture should show.
            seed: Chooses which picture the text becomes. The same seed draws the same noise
                whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow the text. From 0 to 1 guidance is off, which
                halves the work; -1 is the model's own.
            negative_text_embed: What the picture should not show. Without it guidance moves
                away from the empty prompt. As many as texts, or one for all.
            scheduler: Sampling method; default is the one the model came with.
            candidates: How many embeddings to sample for each prompt; the one that fits it best
                is kept.

        Outputs:
            image_embed: The sampled image embedding.
            negative_image_embed: What the decoder should move away from: wire it to Decode when
                you use a negative prompt.
        """

    def multi_prompt(
        self,
        text: str | Source = "a red circle::2 a blue circle::1",
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        *,
        text_encoder: Source | None = None,
        prior: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPMultiPrompt:
        """Weighs parts of a prompt that are read one by one: "hot:: dog::1.5" is heat and a dog,
        not food.

        Args:
            text_encoder: The text encoder of a loaded model.
            prior: The prior of the same model.
            text: Parts that end with :: and a weight; no number counts as 1. A negative weight
                pushes away, as long as all together are positive.
            seed: Chooses which picture the parts become. The same seed draws the same noise
                whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow each part. From 0 to 1 guidance is off, which
                halves the work; -1 is the model's own.

        Outputs:
            image_embed: The parts, blended by weight.
        """

    def prompt_travel(
        self,
        text: str | Source = "0: a red circle\n6: a blue star",
        frames: int | Source = 0,
        loop: bool | Source = False,
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        *,
        text_encoder: Source | None = None,
        prior: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPPromptTravel:
        """A path of embeddings through several prompts: a film when Decode draws it.

        Args:
            text_encoder: The text encoder of a loaded model.
            prior: The prior of the same model.
            text: A prompt a line; with frame numbers, "0: a red circle", each is reached at its
                frame.
            frames: How many frames in all, at constant speed; 0 follows the frame numbers.
            loop: Return to the first prompt; needs a number of frames.
            seed: Chooses which picture each prompt becomes. The same seed draws the same noise
                whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow each prompt. From 0 to 1 guidance is off,
                which halves the work; -1 is the model's own.

        Outputs:
            image_embed: One embedding a frame.
        """

    def image_encode(
        self,
        image: Source,
        *,
        image_encoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPImageEncode:
        """Turns pictures into CLIP image embeddings: z_0 = CLIP_image(x_0). Every picture of a
        batch gets its own.

        Args:
            image_encoder: The image encoder of a loaded model.
            image: The pictures; their centre square is what the encoder sees.

        Outputs:
            image_embed: One embedding a picture.
        """

    def text_diff(
        self,
        image_embed: Source,
        from_text_embed: Source,
        to_text_embed: Source,
        amount: float | Source = 0.4,
        frames: int | Source = 1,
        *,
        prior: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPTextDiff:
        """Turns an image embedding towards the difference of two prompts: slerp(z, norm(z_to -
        z_from), amount). What both prompts share stays.

        Args:
            image_embed: The embedding to change.
            from_text_embed: What the picture shows now.
            to_text_embed: What it should show.
            amount: How far to turn: 0 changes nothing, 1 leaves only the difference; 0.25 to
                0.5 is usual.
            frames: 1 gives the edit at this amount; more give a sweep from 0 to it, one
                embedding each.
            prior: Optional: measure the difference between pictures that the prior imagines for
                the two prompts, instead of between the prompts.

        Outputs:
            image_embed: The changed embedding, of the same length.
        """

    def prior_refine(
        self,
        image_embed: Source,
        text_embed: Source,
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        strength: float | Source = 0.5,
        scheduler: Literal["default", "unclip", "ddpm", "ddim", "dpmpp_2m", "unipc"]
        | Source = "default",
        negative_text_embed: Source | None = None,
        *,
        prior: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPPriorRefine:
        """Moves an image embedding towards a text by the prior itself, p(z_1 | z_0, t): noises it
        to a strength and lets the prior denoise it for the text.

        Args:
            prior: The prior of a loaded model.
            image_embed: The embedding to change.
            text_embed: What the picture should show instead. As many as embeddings, or one for
                all.
            seed: Chooses which of the many changed pictures. The same seed draws the same noise
                whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow the text. From 0 to 1 guidance is off, which
                halves the work; -1 is the model's own.
            negative_text_embed: What the picture should not show. As many as embeddings, or one
                for all.
            strength: How far to go from the embedding. 0 keeps it, 1 draws it all anew.
            scheduler: Sampling method; default is the one the model came with.

        Outputs:
            image_embed: The changed embedding.
            negative_image_embed: What the decoder should move away from: wire it to Decode when
                you use a negative prompt.
        """

    def vary(
        self,
        image_embed: Source,
        strength: float | Source = 0.15,
        count: int | Source = 4,
        seed: int | Source = 0,
        *,
        title: str | None = None,
    ) -> _UnCLIPVary:
        """Neighbours of an embedding: each is turned in a random direction by the same angle,
        strength x 90 degrees.

        Args:
            image_embed: The embedding to vary.
            strength: How far to go: 0.1 is subtle, 0.3 strong; 1 forgets the embedding.
            count: How many neighbours of each embedding.
            seed: Chooses the neighbours. The same seed draws the same noise whatever the batch
                or the device.

        Outputs:
            image_embed: The neighbours, count for each embedding.
        """

    def blend(
        self,
        image_embed_1: Source,
        image_embed_2: Source,
        mode: Literal["spherical", "linear"] | Source = "spherical",
        weight_1: float | Source = 1.0,
        weight_2: float | Source = 1.0,
        weight_3: float | Source = 1.0,
        weight_4: float | Source = 1.0,
        weight_5: float | Source = 1.0,
        weight_6: float | Source = 1.0,
        weight_7: float | Source = 1.0,
        weight_8: float | Source = 1.0,
        image_embed_3: Source | None = None,
        image_embed_4: Source | None = None,
        image_embed_5: Source | None = None,
        image_embed_6: Source | None = None,
        image_embed_7: Source | None = None,
        image_embed_8: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPBlend:
        """Mixes 2 to 8 embeddings by weight, on the sphere (slerp, spherical mean) or linearly.

        Args:
            image_embed_1: Embedding 1 of the blend.
            image_embed_2: Embedding 2 of the blend.
            mode: spherical: the blend is as long as its parts, as decoders want it. linear: the
                plain weighted mean, which is shorter; weights may be negative.
            weight_1: Weight of embedding 1; all weights are scaled to sum to 1.
            weight_2: Weight of embedding 2; all weights are scaled to sum to 1.
            image_embed_3: Embedding 3 of the blend.
            image_embed_4: Embedding 4 of the blend.
            image_embed_5: Embedding 5 of the blend.
            image_embed_6: Embedding 6 of the blend.
            image_embed_7: Embedding 7 of the blend.
            image_embed_8: Embedding 8 of the blend.
            weight_3: Weight of embedding 3; all weights are scaled to sum to 1.
            weight_4: Weight of embedding 4; all weights are scaled to sum to 1.
            weight_5: Weight of embedding 5; all weights are scaled to sum to 1.
            weight_6: Weight of embedding 6; all weights are scaled to sum to 1.
            weight_7: Weight of embedding 7; all weights are scaled to sum to 1.
            weight_8: Weight of embedding 8; all weights are scaled to sum to 1.

        Outputs:
            image_embed: The blend.
        """

    def interpolate(
        self,
        image_embed_1: Source,
        frames: int | Source = 8,
        loop: bool | Source = False,
        image_embed_2: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPInterpolate:
        """Embeddings along the arc from one to another, at constant speed: a morph when Decode
        draws them. Batches make a path through all of them.

        Args:
            image_embed_1: Where the path begins.
            frames: How many embeddings, both ends included.
            loop: Return to the beginning; the frame that would repeat it is left out.
            image_embed_2: Where the path goes. Without it the first input is a batch, and the
                path leads through it.

        Outputs:
            image_embed: The frames, in order.
        """

    def embed_math(
        self,
        image_embed: Source,
        operation: Literal["add", "subtract", "project out", "match length", "scale", "normalise"]
        | Source = "add",
        scale: float | Source = 1.0,
        keep_length: bool | Source = True,
        other_image_embed: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPEmbedMath:
        """Arithmetic on embeddings: add, subtract, project a concept out, scale.

        Args:
            image_embed: The embedding a.
            operation: add: a + s·b. subtract: a - s·b. project out: a without its part along b.
                match length: a as long as s·b. scale: s·a. normalise: a with the length s.
            scale: The number s.
            keep_length: Give the result of add, subtract and project out the length of a, which
                is what decoders are used to.
            other_image_embed: The embedding b, for the operations that use one.

        Outputs:
            image_embed: The result.
        """

    def direction(
        self,
        from_text_embed: Source | None = None,
        to_text_embed: Source | None = None,
        from_image_embed: Source | None = None,
        to_image_embed: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPDirection:
        """The direction that leads from some embeddings to others: what all the pairs differ in.
        From pairs of prompts or from pairs of pictures.

        Args:
            from_text_embed: Prompts without the concept.
            to_text_embed: The same prompts with it.
            from_image_embed: Pictures without the concept.
            to_image_embed: The same pictures with it.

        Outputs:
            direction: The direction, of length 1; for Concept slider.
        """

    def concept_slider(
        self,
        image_embed: Source,
        direction: Source,
        amount: float | Source = 0.5,
        frames: int | Source = 1,
        *,
        title: str | None = None,
    ) -> _UnCLIPConceptSlider:
        """Moves embeddings along a direction, either way.

        Args:
            image_embed: The embedding to move.
            direction: From Direction, Principal components or Load embed.
            amount: How far: 0 changes nothing, 1 leaves as much of the direction as of the
                embedding, negative numbers go the other way.
            frames: 1 gives the embedding at this amount; more give the whole way from -amount
                to amount.

        Outputs:
            image_embed: The moved embeddings, as long as before.
        """

    def principal_components(
        self,
        image_embed: Source,
        keep: int | Source = 3,
        component: int | Source = 1,
        *,
        title: str | None = None,
    ) -> _UnCLIPPrincipalComponents:
        """The axes along which a batch of embeddings differs most; each is a direction for Concept
        slider. Also rebuilds the embeddings from the first few.

        Args:
            image_embed: A batch of embeddings, at least 2; more are better.
            keep: From how many components to rebuild; 0 gives the mean.
            component: Which component the output direction is; 1 is the strongest.

        Outputs:
            reconstruction: The batch, rebuilt from the kept components.
            direction: The chosen component, of length 1.
            shares: Each component's share of the variance, as JSON.
        """

    def rerank(
        self,
        image_embed: Source,
        text_embed: Source,
        keep: int | Source = 1,
        mode: Literal["similarity", "diversity"] | Source = "similarity",
        *,
        title: str | None = None,
    ) -> _UnCLIPRerank:
        """Orders embeddings by how well they fit a prompt and keeps the best, or the most
        different ones.

        Args:
            image_embed: The candidates, a batch.
            text_embed: What they should show.
            keep: How many to keep.
            mode: similarity: the best first. diversity: the best, then whichever is furthest
                from those already kept.

        Outputs:
            image_embed: Those that were kept, in order.
            scores: Every candidate's score and which were kept, as JSON.
        """

    def embed_batch(
        self,
        image_embed_1: Source,
        image_embed_2: Source | None = None,
        image_embed_3: Source | None = None,
        image_embed_4: Source | None = None,
        image_embed_5: Source | None = None,
        image_embed_6: Source | None = None,
        image_embed_7: Source | None = None,
        image_embed_8: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPEmbedBatch:
        """Joins embeddings into one batch, in order.

        Args:
            image_embed_1: Number 1 of the batch; may itself be one.
            image_embed_2: Number 2 of the batch; may itself be one.
            image_embed_3: Number 3 of the batch; may itself be one.
            image_embed_4: Number 4 of the batch; may itself be one.
            image_embed_5: Number 5 of the batch; may itself be one.
            image_embed_6: Number 6 of the batch; may itself be one.
            image_embed_7: Number 7 of the batch; may itself be one.
            image_embed_8: Number 8 of the batch; may itself be one.

        Outputs:
            image_embed: All of them.
        """

    def embed_from_batch(
        self,
        image_embed: Source,
        index: int | Source = 0,
        length: int | Source = 1,
        *,
        title: str | None = None,
    ) -> _UnCLIPEmbedFromBatch:
        """Picks embeddings out of a batch.

        Args:
            image_embed: The batch.
            index: The first to pick: 0 is the first, -1 the last.
            length: How many to pick from there on.

        Outputs:
            image_embed: Those picked.
        """

    def save_embed(
        self,
        image_embed: Source,
        name: str | Source = "my_embedding",
        note: str | Source = "",
        preview: Source | None = None,
        *,
        title: str | None = None,
    ) -> _UnCLIPSaveEmbed:
        """Writes embeddings to output/unclip_embeds/NAME.safetensors, with the space they live in,
        where they came from and a small picture.

        Args:
            image_embed: What to save: an embedding, a batch or a direction.
            name: The file's name; a file of that name is replaced.
            note: Anything you want to remember about it.
            preview: Optional: its first picture is kept as a thumbnail.

        Outputs:
            image_embed: The same embeddings, to go on with.
        """

    def load_embed(
        self,
        embed: str | Source = ...,
        *,
        image_encoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPLoadEmbed:
        """Reads embeddings that Save embed wrote, on this machine or another.

        Args:
            embed: A file in the folder unclip_embeds of the output or the input folder.
            image_encoder: Optional: refuse the file at once if it belongs to another model's
                space.

        Outputs:
            image_embed: The embeddings.
            preview: The thumbnail in the file; grey if it has none.
            provenance: What the file says of itself, as JSON.
        """

    def decode(
        self,
        image_embed: Source,
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        width: int | Source = 0,
        height: int | Source = 0,
        count: int | Source = 1,
        scheduler: Literal[
            "default", "ddpm", "ddim", "pndm", "dpmpp_2m", "unipc", "euler", "euler_ancestral"
        ]
        | Source = "default",
        strength: float | Source = 0.8,
        noise_level: int | Source = 0,
        negative_image_embed: Source | None = None,
        init_image: Source | None = None,
        mask: Source | None = None,
        hint: Source | None = None,
        text_embed: Source | None = None,
        noise: Source | None = None,
        negative_text_embed: Source | None = None,
        *,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPDecode:
        """Draws pictures of image embeddings with the diffusion decoder, p(y | z). The embedding
        fixes what is shown, the seed how. With init_image it redraws a picture, with a mask a
        part of one.

        Args:
            decoder: The decoder of a loaded model.
            image_embed: What the pictures should show, one or many.
            seed: Chooses the details that the embedding leaves open. The same seed draws the
                same noise whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow the embedding. From 0 to 1 guidance is off,
                which halves the work; -1 is the model's own.
            width: Width of the picture. In pixels, rounded up to what the decoder can draw; 0
                is the size it was trained at.
            height: Height of the picture. In pixels, rounded up to what the decoder can draw; 0
                is the size it was trained at.
            count: How many pictures to draw of each embedding, in one batch.
            negative_image_embed: What the pictures should not show; without it, the embedding
                of an empty picture. As many as embeddings, or one for all.
            scheduler: Sampling method; default is the one the model came with.
            init_image: Start from this picture instead of noise; strength says how much of it
                to redraw. As many as embeddings, or one for all.
            mask: Draw only what is white here and keep the rest of init_image; scaled to its
                size. As many as embeddings, or one for all.
            hint: A depth map to draw after, for decoders trained with one (ControlNet). As many
                as embeddings, or one for all.
            text_embed: The prompt, for decoders that also see the text (Karlo, Stable unCLIP,
                Kandinsky 2.1). As many as embeddings, or one for all.
            noise: The noise to start from instead of the seed's, from unCLIP invert or unCLIP
                noise. Use the scheduler ddim with inverted noise. As many as embeddings, or one
                for all.
            strength: How far to go from init_image. 0 keeps it, 1 draws it all anew.
            noise_level: Noise added to the embedding itself, for decoders trained with it
                (Stable unCLIP): more lets the decoder stray further.
            negative_text_embed: What the pictures should not show, for decoders that also see
                the text; without it, the empty prompt. As many as embeddings, or one for all.

        Outputs:
            image: The pictures, count for each embedding.
        """

    def region_edit(
        self,
        image: Source,
        mask: Source,
        image_embed: Source,
        seed: int | Source = 0,
        steps: int | Source = 0,
        guidance_scale: float | Source = -1.0,
        strength: float | Source = 1.0,
        feather: int | Source = 8,
        count: int | Source = 1,
        scheduler: Literal[
            "default", "ddpm", "ddim", "pndm", "dpmpp_2m", "unipc", "euler", "euler_ancestral"
        ]
        | Source = "default",
        negative_image_embed: Source | None = None,
        noise: Source | None = None,
        *,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPRegionEdit:
        """Draws an embedding within a mask and blends it softly into the picture; outside, every
        pixel stays as it is. For edits of a part, and for drawing beyond the frame.

        Args:
            decoder: The decoder of a loaded model.
            image: The picture, of any size; it is drawn at the decoder's. As many as
                embeddings, or one for all.
            mask: White where to draw; scaled to the picture. As many as embeddings, or one for
                all.
            image_embed: What the whole picture should show after the edit.
            seed: Chooses the details that the embedding leaves open. The same seed draws the
                same noise whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.
            guidance_scale: How strongly to follow the embedding. From 0 to 1 guidance is off,
                which halves the work; -1 is the model's own.
            strength: 1 draws the masked part from nothing, less starts from what is there.
            feather: Pixels over which the edge of the mask is soft, to either side.
            count: How many pictures of each embedding.
            negative_image_embed: What the pictures should not show. As many as embeddings, or
                one for all.
            scheduler: Sampling method; default is the one the model came with.
            noise: The noise to start from instead of the seed's, so that edits of one region
                differ in the embedding only; from unCLIP noise, or unCLIP invert of a square
                picture. As many as embeddings, or one for all.

        Outputs:
            image: The pictures, count for each embedding.
        """

    def upscale(
        self,
        image: Source,
        seed: int | Source = 0,
        steps: int | Source = 0,
        *,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPUpscale:
        """Enlarges pictures with the decoder's own super-resolution: Karlo's from 64 to 256
        pixels.

        Args:
            decoder: The decoder of a loaded model that has a super-resolution.
            image: Pictures that this decoder drew.
            seed: Chooses the details that are added. The same seed draws the same noise
                whatever the batch or the device.
            steps: Sampling steps: more are slower and, up to a point, better. 0 is the model's
                own number.

        Outputs:
            image: The enlarged pictures.
        """

    def invert(
        self,
        image: Source,
        image_embed: Source,
        steps: int | Source = 0,
        iterations: int | Source = 5,
        *,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPInvert:
        """Finds the starting noise from which the decoder draws a given picture (DDIM inversion).
        Decode from it, and what the embedding leaves open stays as it was.

        Args:
            decoder: The decoder that will draw.
            image: The picture; its centre is used, at the decoder's size.
            image_embed: The embedding of the same picture.
            steps: Decode with the same number. Sampling steps: more are slower and, up to a
                point, better. 0 is the model's own number.
            iterations: Model calls a step: 1 is plain DDIM inversion, more are more exact.

        Outputs:
            noise: The starting noise of the picture.
        """

    def noise(
        self,
        seed: int | Source = 0,
        frames: int | Source = 1,
        mode: Literal["fixed", "path", "fresh"] | Source = "fixed",
        strength: float | Source = 0.3,
        width: int | Source = 0,
        height: int | Source = 0,
        noise: Source | None = None,
        *,
        decoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPNoise:
        """Starting noise for Decode: the same for all frames of a film, a smooth path, or fresh
        for each; or neighbours of a noise you wire.

        Args:
            decoder: The decoder that will draw.
            seed: Chooses the noise. The same seed draws the same noise whatever the batch or
                the device.
            frames: How many: one for each embedding that Decode draws.
            mode: fixed: all frames the same, so that only the embedding moves. path: from one
                noise to another, evenly. fresh: one of its own each.
            strength: With a noise wired: how far to go from it towards the new one. 0.3 keeps
                most of the layout.
            width: Width of the picture. In pixels, rounded up to what the decoder can draw; 0
                is the size it was trained at.
            height: Height of the picture. In pixels, rounded up to what the decoder can draw; 0
                is the size it was trained at.
            noise: Optional: start from this, such as an inverted one.

        Outputs:
            noise: The starting noise, for Decode.
        """

    def inspect(
        self,
        image_embed: Source,
        *,
        title: str | None = None,
    ) -> _UnCLIPInspect:
        """Shows how alike embeddings are: a matrix of cosines, a map in two dimensions, and the
        numbers as JSON.

        Args:
            image_embed: A batch; join several with Embed batch.

        Outputs:
            matrix: Cosines; bright is alike.
            map: Near points look alike; a line follows the batch's order.
            json: Space, lengths, cosines and the map's coordinates.
        """

    def describe(
        self,
        image_embed: Source,
        count: int | Source = 5,
        vocabulary: str | Source = ...,
        more_phrases: str | Source = "",
        *,
        text_encoder: Source | None = None,
        title: str | None = None,
    ) -> _UnCLIPDescribe:
        """Words and phrases that fit a picture best, by the model's own CLIP; wire the text to
        Text encode.

        Args:
            image_embed: The embedding to describe; of a batch, the first.
            text_encoder: The text encoder of the same model.
            count: How many phrases.
            vocabulary: Where the phrases come from: what ships with the pack, or a text file in
                your input folder, a phrase a line.
            more_phrases: Further phrases, a line each.

        Outputs:
            text: The best phrases, joined by commas.
            ranking: The phrases with their scores, as JSON: each alone, and all up to it
                together.
        """

    def to_clip_vision(
        self,
        image_embed: Source,
        index: int | Source = 0,
        *,
        title: str | None = None,
    ) -> _UnCLIPToClipVision:
        """Hands an image embedding to ComfyUI's own unCLIP models as a CLIP vision output: a Karlo
        prior drives SD 2.1 unCLIP (L) and Stable Cascade, a Kandinsky prior drives SDXL.

        Args:
            image_embed: From a prior, from a picture, or edited.
            index: Which embedding of a batch, from 0; -1 is the last. ComfyUI would add several
                up.

        Outputs:
            clip_vision_output: For unCLIPConditioning. It has no hidden states: style models,
                IP-Adapter plus and video models refuse it.
        """

    def from_clip_vision(
        self,
        clip_vision_output: Source,
        encoder: str | Source = ...,
        *,
        title: str | None = None,
    ) -> _UnCLIPFromClipVision:
        """Takes the embedding out of a CLIP vision output of ComfyUI, so that a vision model which
        is loaded already feeds edits and decoders here.

        Args:
            clip_vision_output: From the core node CLIP Vision Encode.
            encoder: The vision model that made it, which is the space the embedding lives in.
                auto: the published one of that size.

        Outputs:
            image_embed: One embedding for each picture.
        """

    def to_ip_adapter(
        self,
        image_embed: Source,
        *,
        title: str | None = None,
    ) -> _UnCLIPToIPAdapter:
        """Hands image embeddings to IP-Adapter nodes, which then follow a prior or an edited
        embedding instead of a picture.

        Args:
            image_embed: From a prior, from a picture, or edited.

        Outputs:
            pos_embed: For IPAdapter Embeds. Adapters named plus, FaceID or Kolors need hidden
                states of a picture and cannot use it.
            neg_embed: Zero, what such adapters take for no picture.
        """

    def image_batch(
        self,
        image1: Source,
        image2: Source,
        *,
        title: str | None = None,
    ) -> _ImageBatch:
        """ComfyUI's ImageBatch."""

    def image_compare(
        self,
        image_a: Source | None = None,
        image_b: Source | None = None,
        *,
        title: str | None = None,
    ) -> Node:
        """ComfyUI's ImageCompare."""

    def image_invert(
        self,
        image: Source,
        *,
        title: str | None = None,
    ) -> _ImageInvert:
        """ComfyUI's ImageInvert."""

    def image_pad_for_outpaint(
        self,
        image: Source,
        left: int | Source = 0,
        top: int | Source = 0,
        right: int | Source = 0,
        bottom: int | Source = 0,
        feathering: int | Source = 40,
        *,
        title: str | None = None,
    ) -> _ImagePadForOutpaint:
        """ComfyUI's ImagePadForOutpaint."""

    def image_scale(
        self,
        image: Source,
        upscale_method: str | Source = ...,
        width: int | Source = 512,
        height: int | Source = 512,
        crop: str | Source = ...,
        *,
        title: str | None = None,
    ) -> _ImageScale:
        """ComfyUI's ImageScale."""

    def image_scale_by(
        self,
        image: Source,
        upscale_method: str | Source = ...,
        scale_by: float | Source = 1.0,
        *,
        title: str | None = None,
    ) -> _ImageScaleBy:
        """ComfyUI's ImageScaleBy."""

    def image_to_mask(
        self,
        image: Source,
        channel: str | Source = ...,
        *,
        title: str | None = None,
    ) -> _ImageToMask:
        """ComfyUI's ImageToMask."""

    def invert_mask(
        self,
        mask: Source,
        *,
        title: str | None = None,
    ) -> _InvertMask:
        """ComfyUI's InvertMask."""

    def load_image(
        self,
        image: str | Source = ...,
        *,
        title: str | None = None,
    ) -> _LoadImage:
        """ComfyUI's LoadImage."""

    def load_image_mask(
        self,
        image: str | Source = ...,
        channel: str | Source = ...,
        *,
        title: str | None = None,
    ) -> _LoadImageMask:
        """ComfyUI's LoadImageMask."""

    def mask_to_image(
        self,
        mask: Source,
        *,
        title: str | None = None,
    ) -> _MaskToImage:
        """ComfyUI's MaskToImage."""

    def preview_any(
        self,
        source: Source,
        *,
        title: str | None = None,
    ) -> Node:
        """ComfyUI's PreviewAny."""

    def preview_image(
        self,
        images: Source,
        *,
        title: str | None = None,
    ) -> Node:
        """ComfyUI's PreviewImage."""

    def primitive_boolean(
        self,
        value: bool | Source = False,
        *,
        title: str | None = None,
    ) -> _PrimitiveBoolean:
        """ComfyUI's PrimitiveBoolean."""

    def primitive_float(
        self,
        value: float | Source = 0.0,
        *,
        title: str | None = None,
    ) -> _PrimitiveFloat:
        """ComfyUI's PrimitiveFloat."""

    def primitive_int(
        self,
        value: int | Source = 0,
        *,
        title: str | None = None,
    ) -> _PrimitiveInt:
        """ComfyUI's PrimitiveInt."""

    def primitive_string(
        self,
        value: str | Source = "",
        *,
        title: str | None = None,
    ) -> _PrimitiveString:
        """ComfyUI's PrimitiveString."""

    def primitive_string_multiline(
        self,
        value: str | Source = "",
        *,
        title: str | None = None,
    ) -> _PrimitiveStringMultiline:
        """ComfyUI's PrimitiveStringMultiline."""

    def save_image(
        self,
        images: Source,
        filename_prefix: str | Source = "ComfyUI",
        *,
        title: str | None = None,
    ) -> Node:
        """ComfyUI's SaveImage."""

    def solid_mask(
        self,
        value: float | Source = 1.0,
        width: int | Source = 512,
        height: int | Source = 512,
        *,
        title: str | None = None,
    ) -> _SolidMask:
        """ComfyUI's SolidMask."""
