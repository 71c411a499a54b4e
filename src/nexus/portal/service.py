"""The portal's own operations, as every door calls them."""

from dataclasses import dataclass

from nexus.kernel.operation import Resource
from nexus.portal.enrolling import Enrolments
from nexus.portal.history import Histories
from nexus.portal.notices.choosing import NoticeChoices
from nexus.portal.ports import Files


@dataclass(frozen=True, slots=True)
class PortalService:
    """The stories, by what they are about. They rely on the doors to have asked the gate."""

    histories: Histories
    enrolments: Enrolments
    notices: NoticeChoices
    files: Files

    def subject(self, subject: str) -> Resource:
        """A subject as the gate sees him."""
        return self.files.resource(subject)
