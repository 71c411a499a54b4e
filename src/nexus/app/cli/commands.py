"""Every command that is not an operation, in the order of `nexus --help`. One line each; loaded only when called.

A local command is a plain `click.Command`. It raises `NexusError` for whatever goes wrong, and `main` turns that into a
message and an exit code. It takes `--json` (`options.json_option`) and writes through `options.terminal`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import click


@dataclass(frozen=True, slots=True)
class Local:
    """Where a command is (`module:attribute`) and what it does, in English and in French."""

    where: str
    summary: str
    resume: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.where.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


LOCAL: Final[Mapping[str, Local]] = {
    "init": Local("nexus.app.commands.found:init", "Found a platform", "Fonder une plateforme"),
    "up": Local("nexus.app.commands.run:up", "Start the platform", "Démarrer la plateforme"),
    "down": Local("nexus.app.commands.run:down", "Stop the platform", "Arrêter la plateforme"),
    "status": Local("nexus.app.commands.show:status", "Show what runs", "Afficher ce qui tourne"),
    "doctor": Local(
        "nexus.app.commands.show:doctor",
        "Show what is real here, and what is not",
        "Dire ce qui est réel ici, et ce qui ne l'est pas",
    ),
    "unseal": Local(
        "nexus.app.commands.sealing:unseal", "Give the passphrase or a share", "Donner la phrase secrète ou une part"
    ),
    "seal": Local(
        "nexus.app.commands.sealing:seal", "Stop every read and write", "Arrêter toute lecture et toute écriture"
    ),
    "enrol": Local(
        "nexus.app.cli.signin:enrol", "Choose password and second factor", "Choisir mot de passe et second facteur"
    ),
    "login": Local("nexus.app.cli.signin:login", "Sign in", "Se connecter"),
    "logout": Local("nexus.app.cli.signin:logout", "Sign out", "Se déconnecter"),
    "whoami": Local(
        "nexus.app.cli.signin:whoami", "Show who you are and your rights", "Afficher qui vous êtes et vos droits"
    ),
    "approve": Local(
        "nexus.app.cli.approving:approve", "Read what is held, and approve it", "Lire ce qui attend, et le valider"
    ),
    "backup": Local(
        "nexus.app.commands.backup:backup",
        "Save a platform, and bring it back",
        "Sauvegarder une plateforme, et la rétablir",
    ),
    "database": Local(
        "nexus.app.commands.database:database",
        "Move the database to a server",
        "Déplacer la base de données vers un serveur",
    ),
    "demo": Local("nexus.app.demo.command:demo", "Show the main job end to end", "Montrer l'essentiel de bout en bout"),
    "warehouse": Local(
        "nexus.app.commands.warehouse:warehouse",
        "Generate and link extracts, convert to OMOP, check the quality, find cohorts",
        "Générer et relier des extractions, convertir vers OMOP, contrôler la qualité, trouver des cohortes",
    ),
    "witness": Local("nexus.app.commands.witness:witness", "Remember a log for others", "Se souvenir d'un journal"),
}
"""Commands of the first level."""

BESIDE_OPERATIONS: Final[Mapping[str, Mapping[str, Local]]] = {
    "bastion": {
        "connect": Local(
            "nexus.app.cli.bastion:connect",
            "Open a recorded session on the machine",
            "Ouvrir une session enregistrée sur la machine",
        ),
        "watch": Local(
            "nexus.app.cli.bastion:watch",
            "See what happens in an open session",
            "Regarder ce qui se passe dans une session ouverte",
        ),
        "replay": Local(
            "nexus.app.cli.bastion:replay",
            "Write the recording of a session to a file",
            "Écrire l'enregistrement d'une session dans un fichier",
        ),
    },
    "pseudonyms": {
        "scan": Local(
            "nexus.app.commands.pseudonyms:scan_command",
            "Find pseudonyms in files",
            "Trouver des pseudonymes dans des fichiers",
        ),
    },
    "consent": {
        "export": Local(
            "nexus.app.cli.consenting:export",
            "Write the register of decisions to a file",
            "Écrire le registre des décisions dans un fichier",
        ),
        "receipt": Local(
            "nexus.app.cli.consenting:receipt",
            "Write the receipt of a decision to a file",
            "Écrire le récépissé d'une décision dans un fichier",
        ),
        "verify-receipt": Local(
            "nexus.app.cli.consenting:verify_receipt",
            "Verify the receipt of a decision, offline",
            "Vérifier le récépissé d'une décision, hors ligne",
        ),
    },
    "objects": {
        "fsck": Local(
            "nexus.app.commands.blobs:fsck",
            "Examine whether the store is whole",
            "Examiner si l'entrepôt est intact",
        ),
        "add-place": Local(
            "nexus.app.commands.blobs:add_place",
            "Take in a disk for copies of blobs",
            "Accueillir un disque pour des copies des contenus",
        ),
    },
    "intake": {
        "receipt": Local(
            "nexus.app.cli.delivering:receipt",
            "Write the receipt of a delivery to a file",
            "Écrire le récépissé d'une livraison dans un fichier",
        ),
        "verify-receipt": Local(
            "nexus.app.cli.delivering:verify_receipt",
            "Verify the receipt of a delivery, offline",
            "Vérifier le récépissé d'une livraison, hors ligne",
        ),
        "ssh-key": Local(
            "nexus.app.cli.depositing:ssh_key",
            "Write the SSH key that belongs to an access key",
            "Écrire la clé SSH qui va avec une clé d'accès",
        ),
        "pack": Local(
            "nexus.app.cli.delivering:pack",
            "Write the manifest of a folder of files",
            "Écrire le manifeste d'un dossier de fichiers",
        ),
    },
    "iam": {
        "people": Local(
            "nexus.app.cli.people:people",
            "Bring people in agreement with a file",
            "Mettre les personnes en accord avec un fichier",
        ),
    },
    "audit": {
        "receipt": Local(
            "nexus.app.cli.auditing:receipt",
            "Write the receipt of an entry to a file",
            "Écrire le récépissé d'une entrée dans un fichier",
        ),
        "policy": Local(
            "nexus.app.cli.auditing:policy",
            "Write the keys and witnesses of the log to a file",
            "Écrire les clés et les témoins du journal dans un fichier",
        ),
        "export": Local(
            "nexus.app.cli.auditing:export",
            "Copy the log into a directory that can be checked elsewhere",
            "Copier le journal dans un répertoire vérifiable ailleurs",
        ),
        "verify": Local(
            "nexus.app.cli.verifying:verify",
            "Verify a receipt or an exported log, offline",
            "Vérifier un récépissé ou un journal exporté, hors ligne",
        ),
    },
}
"""Local commands that stand in the group of a service."""
