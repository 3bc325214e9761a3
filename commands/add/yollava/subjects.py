"""Who the forty published subjects are.

No published file gives kinds. The persons are those that the published training code treats as such; the
others are assumed from their names and from the questions about them: cups, toys and a keyboard are objects.
"""

from common.core.paths import YOLLAVA_PREFIX

KINDS = {
    "person": "ciin denisdang khanhvy oong phuc-map thao thuytien viruss willinvietnam yuheng",
    "pet": "bo butin henry mam mydieu",
    "landmark": "chua-thien-mu nha-tho-hanoi nha-tho-hcm thap-but thap-cham",
    "object": "brown-duck cat-cup dragon duck-banana elephant lamb neurips-cup pig-cup pusheen-cup "
    "shiba-black shiba-gray shiba-sleep shiba-yellow tokyo-keyboard yellow-duck",
    "character": "dug fire marie-cat toodles-galore water",
}
KIND = {name: kind for kind, names in KINDS.items() for name in names.split()}


def subject_id(name: str) -> str:
    """The id of a published name, which alone may be taken: the drawn world has a bo and a mam as well."""
    return f"{YOLLAVA_PREFIX}{name}"
