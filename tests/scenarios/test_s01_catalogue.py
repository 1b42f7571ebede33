"""S1: only matters that are listed with a real basis, and published, may be used."""

from tests.cast import E_A
from tests.scenarios.world import World, rules, types


async def test_s1_catalogue(world: World) -> None:
    """A bad basis is refused, an unpublished matter unusable, and its use recorded as a finding."""
    await world.given_matter("M-101", listed="2026-02-10", published="2026-03-02")
    await world.given_matter("M-103", listed="2026-03-03", published=None)

    problem = await world.refused(
        "CAT-R1",
        "MRB head",
        "catalogue/list-matter",
        matter="M-102",
        unit="MRB",
        elements=world.elements("地方规范性文件事项", level="normative_document"),
    )
    assert "normative" in problem["detail"]

    world.at("2026-03-16")
    problem = await world.refused(
        "CAT-R2",
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_A, "2026-03-18", matters=["M-103"]),
    )
    assert "M-103" in problem["detail"]
    assert "Publish" in problem["fix_hint"]

    world.at("2026-03-19")
    answer = await world.send(
        "E-A",
        "filing/report-irregular-visit",
        irregular_visit="IV-1",
        entity=E_A,
        reporter="entity",
        visited_on="2026-03-18",
        facts="两名执法人员仍就该事项入企检查",
        unit="MRB",
        matters=["M-103"],
        scanned=True,
        officers_seen=2,
    )
    assert types(answer)[0] == "filing.irregular-visit-reported"
    assert "CAT-V3" in rules(answer)
    found = await world.findings(rule_id="CAT-V3", unit="MRB")
    assert [f["matter"] for f in found] == ["M-103"]
