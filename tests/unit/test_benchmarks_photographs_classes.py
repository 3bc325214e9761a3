from benchmarks.photographs_classes import TABLES, same_class
from common.core import io, paths


def rows(subject: str, owner: str, parsed: str) -> dict:
    return {
        "subject": subject, "photo": f"{owner}.png", "group": "test", "owner": owner,
        "label": subject == owner, "method": "soft_prompt", "parsed": parsed,
        "p_yes": 0.9 if parsed == "yes" else 0.1,
    }  # fmt: skip


def test_a_dog_is_asked_about_dogs_alone(workspace):
    """The vase is taken for every dog, which does not count; bo is taken for rex, which does."""
    dogs = ("bo", "rex")
    asked = [rows(dog, owner, "yes") for dog in dogs for owner in (dog, "vase")]
    asked += [rows("rex", "bo", "yes"), rows("bo", "rex", "no"), rows("vase", "vase", "yes")]
    threshold = [row | {"role": "positive"} for row in asked]
    methods = [{"method": "soft_prompt", "title": "Soft prompt", "subject": dog} for dog in dogs]
    told = {"recognition": asked, "questions": [], "threshold_set": threshold, "methods": methods}
    for name, columns in TABLES.items():
        made = [{column: row.get(column) for column in columns.names} for row in told[name]]
        io.write_parquet(paths.predictions("soft_prompt", name), made, columns, [columns.names[0]])
    found = same_class({"bo": "dog", "rex": "dog"}, [], seed=0, resamples=9)
    assert found["same_class.weighted"]["soft_prompt"]["value"] == 0.75
    assert found["same_class.auc"]["soft_prompt"]["value"] == 0.75
