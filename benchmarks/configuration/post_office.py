"""Sends through django-post_office, its queue in SQLite: as many as each line of input says."""

import json
import sys

sys.path.insert(0, sys.argv[1])
asked = json.loads(sys.argv[2])

import django  # noqa: E402 - it is found now
from django.conf import settings  # noqa: E402

settings.configure(
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{asked['folder']}/queue.db"}
    },
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    EMAIL_HOST="localhost",
    EMAIL_PORT=asked["port"],
    EMAIL_HOST_USER=asked["login"],
    EMAIL_HOST_PASSWORD=asked["password"],
    EMAIL_USE_TLS=True,
    USE_TZ=True,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    POST_OFFICE={
        "BATCH_SIZE": 500,
        "THREADS_PER_PROCESS": asked["connections"],
        "LOG_LEVEL": 0,
    },
)
django.setup()

from django.core.management import call_command  # noqa: E402
from post_office import mail  # noqa: E402

call_command("migrate", verbosity=0)
for line in sys.stdin:
    mail.send_many(
        [
            {
                "sender": asked["login"],
                "recipients": [f"client{number}@client.example"],
                "subject": f"Invoice {number}",
                "message": asked["text"],
            }
            for number in range(int(line))
        ]
    )
    mail.send_queued_mail_until_done(processes=1)
