"""The tables. Every key begins with the user, so each query reads one user's rows on one shard."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

# Unicode's White_Space, as in the contract's `x-not-blank`. The meaning of \s differs between
# versions and locales of PostgreSQL, so this lists the characters.
WHITE_SPACE = (
    r"\t\n\x0B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    r"\u2009\u200A\u2028\u2029\u202F\u205F\u3000"
)

# A CHECK cannot have a query, such as one of the elements of an array. A path expression can.
_HAS_WRONG_LENGTH = (
    """jsonb_path_exists(to_jsonb(labels), '$[*] ? (!(@ like_regex "^.{1,50}$" flag "s"))')"""
)

_BYTES = Text(collation="C")
"""Text that is compared by bytes. An index of another collation would depend on the machine."""

_now = text("now()")


def _owner() -> Column[str]:
    return Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("task_count", Integer, nullable=False),
    Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("feed_floor", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    # The user's rows with a lower revision are erased, and wait to be deleted.
    Column("erased_revision", BigInteger, nullable=False, server_default=text("0")),
    # The bytes of idempotency keys that the user has stored since `key_bytes_since`.
    Column("key_bytes", Integer, nullable=False, server_default=text("0")),
    Column("key_bytes_since", DateTime(timezone=True), nullable=False, server_default=_now),
    # The bytes of deleted tasks' content that the user has stored since `deleted_bytes_since`.
    Column("deleted_bytes", Integer, nullable=False, server_default=text("0")),
    Column("deleted_bytes_since", DateTime(timezone=True), nullable=False, server_default=_now),
    CheckConstraint("char_length(id) BETWEEN 1 AND 255", name="id"),
    CheckConstraint("revision > 0", name="revision"),
    CheckConstraint("task_count >= 0", name="task_count"),
)

tasks = Table(
    "tasks",
    metadata,
    _owner(),
    Column("id", Uuid, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text),
    # A task for a whole day also has `due_at`, the beginning of `due_on` in UTC. If `due_at`
    # differs, a server of version 0.2 has changed it since, and `due_on` is void.
    Column("due_at", DateTime(timezone=True)),
    Column("due_on", Date),
    Column("labels", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    # The place of the word in the contract's list.
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    Column("position", _BYTES),
    # Not JSONB, which would change numbers and the order of members, and reject U+0000.
    Column("extra", JSON, nullable=False, server_default=text("'{}'")),
    Column("completed", Boolean, nullable=False, server_default=text("false")),
    Column("completed_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("revision", BigInteger, nullable=False),
    # The hash of what a task with a client's id was created with.
    Column("fingerprint", LargeBinary),
    PrimaryKeyConstraint("user_id", "id"),
    CheckConstraint("char_length(title) BETWEEN 1 AND 200", name="title_length"),
    CheckConstraint(f"btrim(title, E'{WHITE_SPACE}') <> ''", name="title_not_blank"),
    CheckConstraint("char_length(description) <= 10000", name="description_length"),
    CheckConstraint("isfinite(due_at)", name="due_at_finite"),
    CheckConstraint("isfinite(due_on)", name="due_on_finite"),
    CheckConstraint("cardinality(labels) <= 20", name="labels_count"),
    CheckConstraint("array_position(labels, NULL) IS NULL", name="labels_not_null"),
    CheckConstraint(f"labels = '{{}}' OR NOT {_HAS_WRONG_LENGTH}", name="labels_length"),
    CheckConstraint("priority BETWEEN 0 AND 3", name="priority"),
    CheckConstraint("position ~ '^[ -~]{1,100}$'", name="position"),
    CheckConstraint("json_typeof(extra) = 'object'", name="extra_object"),
    CheckConstraint("octet_length(extra::text) <= 4096", name="extra_size"),
    CheckConstraint("completed = (completed_at IS NOT NULL)", name="completed_at"),
    CheckConstraint("revision > 0", name="revision"),
    Index("tasks_created", "user_id", "created_at", "id"),
    Index("tasks_completed_created", "user_id", "completed", "created_at", "id"),
    Index("tasks_updated", "user_id", "updated_at", "id"),
    Index("tasks_revision", "user_id", "revision"),
    Index("tasks_due", "user_id", "due_at", "id"),
    Index("tasks_priority", "user_id", "priority", "id"),
    Index("tasks_position", "user_id", "position", "id"),
)

# `outcome` and the request make the response again. Rows of version 0.2 have no outcome, but the
# whole response in `status`, `headers` and `body`. Their defaults are for servers of that version,
# which can run during an upgrade.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _owner(),
    Column("operation", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False, server_default=text("503")),
    Column("headers", JSONB, nullable=False, server_default=text("""'{"Retry-After": "1"}'""")),
    Column("body", LargeBinary, nullable=False, server_default=text("''")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("outcome", LargeBinary),
    Column("revision", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("user_id", "operation", "key"),
    CheckConstraint("char_length(key) BETWEEN 1 AND 255", name="key_length"),
    Index("idempotency_keys_created", "created_at"),
)

CONTENT = (
    "title",
    "description",
    "due_at",
    "due_on",
    "labels",
    "priority",
    "position",
    "extra",
    "completed_at",
    "created_at",
    "fingerprint",
)
"""What a tombstone keeps of a task, so that it can be restored. All are null if nothing is kept."""

tombstones = Table(
    "tombstones",
    metadata,
    _owner(),
    Column("id", Uuid, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("deleted_at", DateTime(timezone=True), nullable=False, server_default=_now),
    *(Column(name, tasks.c[name].type) for name in CONTENT),
    PrimaryKeyConstraint("user_id", "id"),
    CheckConstraint("revision > 0", name="revision"),
    Index("tombstones_revision", "user_id", "revision"),
    Index("tombstones_deleted", "deleted_at"),
    Index(
        "tombstones_restorable", "user_id", "revision", postgresql_where=text("title IS NOT NULL")
    ),
)

# Users whose erased rows are not all deleted yet. `revision` identifies one erasure of a user.
erasures = Table(
    "erasures",
    metadata,
    _owner(),
    Column("revision", BigInteger, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=_now),
    PrimaryKeyConstraint("user_id"),
)
