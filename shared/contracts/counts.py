"""What is counted of a week at a desk, by which word of a closed list: the parts of `week-told`, `unmet-told`
and `flows-told`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.vocabulary import BedKind, District, Feature, FlowEnd, OutcomeKind, PartnerGroup, SizeClass

Count = Annotated[int, Field(ge=0, le=1_000_000)]


class GroupCount(BaseModel):
    """Referrals to one coarse group of partners. count: None when it is small."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    group: PartnerGroup
    count: Count | None


class OutcomeCount(BaseModel):
    """Trajectories that ended in one way."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: OutcomeKind
    count: Count


class KindNeed(BaseModel):
    """What nothing was found for, by the kind that was wanted most."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: BedKind
    count: Count


class SizeNeed(BaseModel):
    """The same by the size class of the household."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size_class: SizeClass
    count: Count


class FeatureNeed(BaseModel):
    """Those that needed this feature; some needed several."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    feature: Feature
    count: Count


class DistrictNeed(BaseModel):
    """Where it would have been best."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    district: District | Literal["anywhere"]
    count: Count


class FlowCount(BaseModel):
    """Households that lived in one kind of place when a week began, and in another when it ended."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    came_from: FlowEnd
    went_to: FlowEnd
    count: Count
