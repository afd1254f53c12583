"""Each number the paper prints about cost, beside our own count, with a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from .count import meta, meta_tensor, transposed_multiply_adds
from .formulas import breakdown, idn_layers, idn_parameters, official_zero_biases
from .methods import MethodCost

M, G = 1e6, 1e9
TOLERANCE = 0.03  # a published figure within 3 % of a count is confirmed


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of the paper and what was counted.

    Attributes:
        statement: what is claimed, with its unit.
        published: the paper's number.
        counted: ours, in the same unit and for what the number must contain to come out.
        contains: what that is.
        remark: where the difference lies.
        as_stated: whether ``contains`` is what the paper says it counted.
    """

    statement: str
    published: float
    counted: float
    contains: str
    remark: str = ""
    as_stated: bool = True

    @property
    def deviation(self) -> float:
        """Ours over theirs, minus one."""
        return self.counted / self.published - 1

    @property
    def verdict(self) -> str:
        """``confirmed``; ``explained`` where the number comes out but for more than is stated; else ``corrected``."""
        if abs(self.deviation) > TOLERANCE:
            return "corrected"
        return "confirmed" if self.as_stated else "explained"


def claims(methods: list[MethodCost]) -> list[Claim]:
    """The paper's claims in the order it makes them.

    Args:
        methods: rows counted at the published sizes (224, FaceShifter 256).
    """
    rows = {row.name: row for row in methods}
    simswap, shifter = rows["simswap"], rows["faceshifter"]
    hear = rows["faceshifter-2"].parts["HEAR-Net"]
    ours, ours_256 = breakdown(idn_layers(224)), breakdown(idn_layers(256))
    with_both = shifter.frame.multiply_adds + hear.multiply_adds + shifter.source.multiply_adds
    return [
        Claim(
            "MobileFaceSwap, M parameters per frame", 0.50, (idn_parameters(idn_layers()) + official_zero_biases()) / M,
            "predicted kernels, both heads, and 3,363 biases that are always zero",
        ),
        Claim(
            "MobileFaceSwap, G operations per frame", 0.33, ours.total / G, "all operations",
            f"multiply-adds of convolutions alone are {ours.convolutions / G:.3f} G; biases, norms and activations add "
            f"{(ours.biases + ours.norms + ours.activations) / G:.3f} G, bilinear upsampling {ours.interpolation / G:.3f} G",
        ),
        Claim(
            "SimSwap, M parameters", 107, simswap.parameters / M, "generator and recogniser",
            f"the generator alone holds {simswap.frame.parameters / M:.1f} M: the 107 M contain the recogniser "
            f"({simswap.source.parameters / M:.1f} M), which runs once per source",
        ),
        Claim(
            "SimSwap, G multiply-adds", 55.7, (simswap.frame.multiply_adds + simswap.source.multiply_adds) / G,
            "generator and recogniser", f"per frame it is {simswap.frame.multiply_adds / G:.1f} G",
        ),
        Claim(
            "FaceShifter stage 1, M parameters", 421, (shifter.parameters + hear.parameters) / M,
            "AEI-Net, recogniser, and HEAR-Net of stage 2",
            f"stage 1 alone: AEI-Net {shifter.frame.parameters / M:.1f} M, with the recogniser {shifter.parameters / M:.1f} M; "
            "the published sum comes out only with stage 2's network", as_stated=False,
        ),
        Claim(
            "FaceShifter stage 1, G multiply-adds", 97.4, with_both / G, "AEI-Net, recogniser, and HEAR-Net of stage 2",
            f"AEI-Net alone is {shifter.frame.multiply_adds / G:.1f} G per frame; a counter that charges transposed "
            f"convolutions per output position gives {(with_both + 3 * _transposed()) / G:.1f} G for the three networks",
        ),
        Claim(
            "SimSwap / MobileFaceSwap", 146, simswap.frame.multiply_adds / ours.convolutions,
            "multiply-adds per frame over multiply-adds per frame, 224",
            f"146 is {simswap.frame.multiply_adds / G:.1f} G over 0.33 G, so without the recogniser; the paper's own figures "
            f"give {55.7 / 0.33:.0f}",
        ),
        Claim(
            "FaceShifter / MobileFaceSwap", 207, shifter.frame.multiply_adds / ours_256.convolutions,
            "multiply-adds per frame over multiply-adds per frame, 256",
            f"{(97.4 * G - shifter.source.multiply_adds) / ours_256.total:.0f} with the paper's 97.4 G less the recogniser, over "
            f"all operations of the student at 256; {97.4 * G / ours_256.total:.0f} with 97.4 G as it stands",
        ),
    ]  # fmt: skip


def _transposed() -> int:
    """Multiply-adds of AEI-Net and HEAR-Net in transposed convolutions of stride 2."""
    from mobilefaceswap_core.teachers.aei import AeiNet, HearNet

    image = meta_tensor(1, 3, 256, 256)
    start = 512 * 1024 * 4  # the generator's first layer has stride 1: one input position, counted alike by all
    aei = transposed_multiply_adds(meta(AeiNet), image, meta_tensor(1, 512)) - start
    return aei + transposed_multiply_adds(meta(HearNet), image, image, image)
