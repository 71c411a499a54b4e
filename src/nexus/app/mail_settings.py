"""Settings of mail. Together they name one carrier, or none. (One chain of parts: records of msgspec have one parent.)"""

from typing import Annotated

from nexus.app.door_settings import DoorSettings
from nexus.app.setting import OPTIONAL_FILE, Port, doc
from nexus.kernel.errors import Invalid


class MailSettings(DoorSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How mail leaves the platform."""

    mail_delivery: Annotated[
        str,
        doc(
            "How mail leaves: `smtp` through a mail server, `folder` into `<data>/mail` in clear, for development only, `off`"
            " not at all (the console still shows each person what happened to her account).",
            pattern="^(off|smtp|folder)$",
        ),
    ] = "off"
    mail_server: Annotated[
        str, doc("Name of the mail server, as its certificate says it.", pattern="^[A-Za-z0-9.:-]{0,253}$")
    ] = ""
    mail_port: Annotated[Port, doc("TCP port of the mail server.")] = 587
    mail_security: Annotated[
        str,
        doc(
            "`starttls`: TLS begins at the server's word, before anything is said; `tls`: the connection begins with TLS."
            " Mail never leaves without TLS.",
            pattern="^(starttls|tls)$",
        ),
    ] = "starttls"
    mail_authority: Annotated[
        str,
        doc(
            "File (absolute path) with the certificate authority of the mail server. Empty: the authorities that this"
            " machine trusts.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    mail_user: Annotated[str, doc("Name to sign in to the mail server with. Empty: without signing in.")] = ""
    mail_password_file: Annotated[
        str,
        doc(
            "File (absolute path) with the password of that name, readable by the platform's account alone.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    mail_sender: Annotated[str, doc("Address that mail is sent from, such as `nexus@chu-lyon.example`.")] = ""
    alarm_mail: Annotated[
        tuple[str, ...], doc("Addresses that each alarm is mailed to, besides the journal and the webhook.")
    ] = ()

    def require_mail(self) -> None:
        """Raises Invalid where the settings of mail do not fit together."""
        if self.mail_delivery == "smtp" and not (self.mail_server and self.mail_sender):
            raise Invalid("mail_delivery=smtp needs mail_server and mail_sender", code="settings.mail")
        if bool(self.mail_user) != bool(self.mail_password_file):
            raise Invalid("mail_user and mail_password_file belong together", code="settings.mail")
        if self.alarm_mail and self.mail_delivery == "off":
            raise Invalid("alarm_mail needs mail_delivery", code="settings.mail")
