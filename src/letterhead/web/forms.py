"""The Email Settings form: posted text becomes values, and values the text of the form."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from letterhead.actions.settings import SesEdit, SmtpEdit
from letterhead.errors import Problem
from letterhead.mail.prefill import is_our_port, is_ours
from letterhead.mail.providers import Filled
from letterhead.mail.said import said
from letterhead.mail.secret import Secret
from letterhead.mail.settings import (
    SES,
    Account,
    DefaultSettings,
    KeepPassword,
    PasswordEdit,
    RemovePassword,
    SesSettings,
    Settings,
    SmtpSettings,
    Type,
    Verifies,
    apply_relay_rule,
)

_TEXTS = ("provider", "server", "port", "login", "from_name", "from_address", "copy_to", "reply_to")
_OF_AWS = ("region", "identity", "mail_from", "account", "role_arn", "access_key_id")
_LONG = 6  # digits that no port has
_OF_DEFAULT = ("type", "from_name", "copy_to", "reply_to")
_OF_SMTP = ("type", *_TEXTS[:-1], "window", "allow_ssl")
_OF_SES = ("type", "from_name", "from_address", "copy_to", *_OF_AWS)
_OF_ACCOUNT = {"role_arn": Account.ROLE, "access_key_id": Account.KEYS}  # whose field it is
_USUAL = {
    "identity": Verifies.DOMAIN.value,
    "account": Account.OPERATOR.value,
    "window": "1",  # set by the API; the form only keeps it
}
_BLANK = {
    "type": Type.DEFAULT.value,
    **dict.fromkeys((*_TEXTS, *_OF_AWS), ""),
    **_USUAL,
    "allow_ssl": "on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What stands in the form; the password is apart, and never shown."""

    values: Mapping[str, str]
    password: Secret = field(default_factory=lambda: Secret(""))
    removes_password: bool = False

    @property
    def is_smtp(self) -> bool:
        return self.values["type"] == Type.SMTP.value

    @property
    def provider(self) -> str:
        """Whose page of the guide helps."""
        return SES if self.is_ses else self.values["provider"]

    @property
    def is_ses(self) -> bool:
        return self.values["type"] == Type.SES.value

    @property
    def is_default(self) -> bool:
        return self.values["type"] == Type.DEFAULT.value

    @property
    def typed(self) -> SmtpSettings:
        """The settings as far as they can be read, with what the relay's rule makes of them."""
        draft = self.smtp().draft
        server = draft.server.lower().removesuffix(".")
        return apply_relay_rule(replace(draft, server=server))

    @property
    def edits_password(self) -> bool:
        return not self.is_default and (bool(self.password) or self.removes_password)

    def same_as(self, other: "Form") -> bool:
        """Whether nothing is typed that is not saved."""
        fields = _OF_SES if self.is_ses else _OF_SMTP if self.is_smtp else _OF_DEFAULT
        return not self.edits_password and all(
            self.values[each].strip() == other.values[each] for each in fields
        )

    def default(self) -> DefaultSettings:
        texts = {each: self.values[each].strip() for each in ("from_name", "reply_to", "copy_to")}
        return DefaultSettings(**texts)

    def smtp(self) -> SmtpEdit:
        """The settings as typed; a port that is no number is told as the field's problem."""
        text = {each: self.values[each].strip() for each in _TEXTS}
        window = self.values["window"]
        readable = text["port"].isascii() and text["port"].isdecimal() and len(text["port"]) < _LONG
        draft = SmtpSettings(
            provider=text["provider"],
            server=text["server"],
            port=int(text["port"]) if readable else 587,
            login=text["login"],
            from_name=text["from_name"],
            from_address=text["from_address"],
            copy_to=text["copy_to"],
            allow_ssl=bool(self.values["allow_ssl"]),
            window=int(window) if len(window) == 1 and window in "12345678" else 0,
        )
        message = said(
            "Enter a number: 587 for most providers, 465 for SSL/TLS, 25 only for a relay."
        )
        unread = () if readable else (Problem("port", "invalid", message),)
        return SmtpEdit(draft, self._password_edit(), unread)

    def ses(self) -> SesEdit:
        """The settings of type AWS as typed; fields of another account are hidden, and empty."""
        text = {each: self.values[each].strip() for each in _OF_SES[1:]}
        for name, account in _OF_ACCOUNT.items():
            text[name] = text[name] if text["account"] == account else ""
        draft = SesSettings(**text)  # type: ignore[arg-type] # texts only
        return SesEdit(draft, self._password_edit())

    def filled(self, found: Filled, *, anyway: bool) -> "Form":
        """Fill in server and port of a provider, unless a person typed others."""
        values = {**self.values, "type": Type.SMTP.value, "provider": found.provider.key}
        if anyway or is_ours(self.values["server"]):
            values["server"] = found.server
            if anyway or is_our_port(self.values["port"]):
                values["port"] = str(found.provider.port)
        return replace(self, values=values)

    def _password_edit(self) -> PasswordEdit:
        if self.password:
            return self.password
        return RemovePassword() if self.removes_password else KeepPassword()


def posted(form: Mapping[str, str]) -> Form:
    """What was typed."""
    texts = {each: form.get(each, _USUAL.get(each, "")) for each in (*_TEXTS, *_OF_AWS, "window")}
    named = form.get("type", "")
    kind = Type(named) if named in set(Type) else Type.DEFAULT
    checked = "on" if form.get("allow_ssl") else ""
    secret = "secret_access_key" if kind is Type.SES else "password"
    return Form(
        values={**texts, "type": kind.value, "allow_ssl": checked},
        password=Secret(form.get(secret, "")),
        removes_password=bool(form.get("remove_password")),
    )


def of(settings: Settings) -> Form:
    """What is saved."""
    match settings:
        case DefaultSettings():
            own = {"from_name": settings.from_name, "reply_to": settings.reply_to}
            return Form(values={**_BLANK, **own, "copy_to": settings.copy_to})
        case SesSettings():
            own = {each: str(getattr(settings, each)) for each in _OF_SES[1:]}
            return Form(values={**_BLANK, **own, "type": Type.SES.value})
        case SmtpSettings():
            own = {each: str(getattr(settings, each)) for each in _OF_SMTP[1:-1]}
            checked = "on" if settings.allow_ssl else ""
            return Form(values={**_BLANK, **own, "type": Type.SMTP.value, "allow_ssl": checked})
