"""k-anonymity and l-diversity: what an independent count over the rows gives, with small counts hidden."""

from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.cohorts.masking import LEAST
from nexus.warehouse.releases.risk import assess

row = st.fixed_dictionaries(
    {
        "person_id": st.integers(1, 30),
        "sex": st.sampled_from([1, 2, None]),
        "year": st.sampled_from([1950, 1980]),
        "disease": st.sampled_from(["a", "b", None]),
    }
)
SCHEMA = pa.schema([("person_id", pa.int64()), ("sex", pa.int64()), ("year", pa.int64()), ("disease", pa.string())])


def written(folder: Path, rows: list[dict]) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return path


@settings(max_examples=60, deadline=None)
@given(st.lists(row, max_size=120), st.integers(2, 15))
def test_it_is_what_counting_row_by_row_gives(tmp_path_factory, rows, least):
    path = written(tmp_path_factory.mktemp("rows"), rows)
    persons, diseases = defaultdict(set), defaultdict(set)
    for one in rows:
        persons[one["sex"], one["year"]].add(one["person_id"])
        diseases[one["sex"], one["year"]].add(one["disease"])
    found = assess([path], ["sex", "year"], ["disease"], least=least)
    assert found.k == min(map(len, persons.values()), default=0)
    assert found.diversity[0].least == min(map(len, diseases.values()), default=0)
    small = [len(group) for group in persons.values() if len(group) < least]
    assert found.passes == (not small)
    assert found.small_classes == len(small) and found.classes == len(persons)
    assert found.persons_in_small_classes in (None, sum(small))
    assert found.diversity[0].uniform == sum(len(group) == 1 for group in diseases.values())


@settings(max_examples=40, deadline=None)
@given(st.lists(row, max_size=60))
def test_no_count_of_persons_that_is_told_is_small_or_gives_one_away(tmp_path_factory, rows):
    found = assess([written(tmp_path_factory.mktemp("rows"), rows)], ["sex", "year"], ["disease"])
    told = (found.persons, found.persons_in_small_classes)
    assert not any(count is not None and 0 < count < LEAST for count in told)
    if found.persons is not None and found.persons_in_small_classes is not None:
        others = found.persons - found.persons_in_small_classes
        assert others == 0 or others >= LEAST


def test_what_cannot_be_assessed_is_refused(tmp_path):
    path = written(tmp_path, [])
    for columns, least in ((["nothing"], 11), ([], 11), (["sex"] * 13, 11), (["sex"], 1)):
        with pytest.raises(Invalid):
            assess([path], columns, least=least)
    path.write_bytes(b"no Parquet")
    with pytest.raises(Damaged):
        assess([path], ["sex"])
