-- The metadata store of a cluster on PostgreSQL: the tables of Orleans' ADO.NET clustering and grain storage, the queries that
-- these look up by name at start-up, and the tables that say which cluster and which nodes there are. Query names, parameter
-- names and the names of the columns returned are the providers' contract; the rest is ours. Runs in one transaction under a
-- lock, and may be run any number of times.

CREATE TABLE IF NOT EXISTS OrleansLogSchema
(
    Id integer NOT NULL PRIMARY KEY CHECK (Id = 1),
    Version integer NOT NULL
);

-- Which cluster this is, and the least node id that no node has had.
CREATE TABLE IF NOT EXISTS OrleansLogCluster
(
    Id integer NOT NULL PRIMARY KEY CHECK (Id = 1),
    ClusterId text NOT NULL,
    NextNodeId integer NOT NULL
);

-- Who had a node id last, and what that silo says of itself. Whether the id is in use is told by a lock that the silo's
-- connection holds, and not by this row.
CREATE TABLE IF NOT EXISTS OrleansLogNode
(
    NodeId integer NOT NULL PRIMARY KEY CHECK (NodeId >= 0),
    Holder text NOT NULL,
    Endpoint text NOT NULL,
    TakenAt timestamptz NOT NULL,
    Metadata text
);

CREATE TABLE IF NOT EXISTS OrleansQuery
(
    QueryKey text NOT NULL PRIMARY KEY,
    QueryText text NOT NULL
);

-- A grain has one row for each of its named states. The empty extension stands for none, so that the primary key (unlike
-- one with NULL in it) admits a second first write of the same state to nobody. Keys are compared byte by byte. The hashes
-- are the provider's; a B-tree has no use for them.
CREATE TABLE IF NOT EXISTS OrleansStorage
(
    ServiceId text COLLATE "C" NOT NULL,
    GrainTypeString text COLLATE "C" NOT NULL,
    GrainIdExtensionString text COLLATE "C" NOT NULL,
    GrainIdN0 bigint NOT NULL,
    GrainIdN1 bigint NOT NULL,
    GrainIdHash integer NOT NULL,
    GrainTypeHash integer NOT NULL,
    Version integer NOT NULL,
    ModifiedOn timestamptz NOT NULL,
    PayloadBinary bytea,
    PRIMARY KEY (ServiceId, GrainTypeString, GrainIdExtensionString, GrainIdN0, GrainIdN1)
);

-- Rises by one with every change of a silo's status: the compare-and-set of the whole membership.
CREATE TABLE IF NOT EXISTS OrleansMembershipVersionTable
(
    DeploymentId text NOT NULL PRIMARY KEY,
    Version integer NOT NULL,
    ChangedAt timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS OrleansMembershipTable
(
    DeploymentId text NOT NULL REFERENCES OrleansMembershipVersionTable (DeploymentId),
    Address text NOT NULL,
    Port integer NOT NULL,
    Generation integer NOT NULL,
    SiloName text NOT NULL,
    HostName text NOT NULL,
    Status integer NOT NULL,
    ProxyPort integer NOT NULL,
    SuspectTimes text,
    StartTime timestamptz NOT NULL,
    IAmAliveTime timestamptz NOT NULL,
    PRIMARY KEY (DeploymentId, Address, Port, Generation)
);

-- Grain storage. Compare-and-set: a first write (no version known) inserts, a later one updates the version it knows. Whichever
-- applies returns the new version; when the row is not as the writer believes, no row is returned, and the provider reports the
-- conflict.

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('WriteToStorageKey', '
    WITH inserted AS (
        INSERT INTO OrleansStorage
            (ServiceId, GrainTypeString, GrainIdExtensionString, GrainIdN0, GrainIdN1, GrainIdHash, GrainTypeHash,
             Version, ModifiedOn, PayloadBinary)
        SELECT @ServiceId::text, @GrainTypeString::text, COALESCE(@GrainIdExtensionString::text, ''''),
               @GrainIdN0::bigint, @GrainIdN1::bigint, @GrainIdHash::integer, @GrainTypeHash::integer,
               1, now(), @PayloadBinary::bytea
        WHERE @GrainStateVersion::integer IS NULL
        ON CONFLICT DO NOTHING
        RETURNING Version
    ), updated AS (
        UPDATE OrleansStorage
        SET PayloadBinary = @PayloadBinary::bytea, ModifiedOn = now(), Version = Version + 1
        WHERE ServiceId = @ServiceId::text AND GrainTypeString = @GrainTypeString::text
          AND GrainIdExtensionString = COALESCE(@GrainIdExtensionString::text, '''')
          AND GrainIdN0 = @GrainIdN0::bigint AND GrainIdN1 = @GrainIdN1::bigint AND Version = @GrainStateVersion::integer
        RETURNING Version
    )
    SELECT Version AS NewGrainStateVersion FROM inserted
    UNION ALL
    SELECT Version FROM updated
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('ReadFromStorageKey', '
    SELECT PayloadBinary, Version
    FROM OrleansStorage
    WHERE ServiceId = @ServiceId::text AND GrainTypeString = @GrainTypeString::text
      AND GrainIdExtensionString = COALESCE(@GrainIdExtensionString::text, '''')
      AND GrainIdN0 = @GrainIdN0::bigint AND GrainIdN1 = @GrainIdN1::bigint
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('ClearStorageKey', '
    UPDATE OrleansStorage
    SET PayloadBinary = NULL, ModifiedOn = now(), Version = Version + 1
    WHERE ServiceId = @ServiceId::text AND GrainTypeString = @GrainTypeString::text
      AND GrainIdExtensionString = COALESCE(@GrainIdExtensionString::text, '''')
      AND GrainIdN0 = @GrainIdN0::bigint AND GrainIdN1 = @GrainIdN1::bigint AND Version = @GrainStateVersion::integer
    RETURNING Version AS NewGrainStateVersion
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('DeleteStorageKey', '
    DELETE FROM OrleansStorage
    WHERE ServiceId = @ServiceId::text AND GrainTypeString = @GrainTypeString::text
      AND GrainIdExtensionString = COALESCE(@GrainIdExtensionString::text, '''')
      AND GrainIdN0 = @GrainIdN0::bigint AND GrainIdN1 = @GrainIdN1::bigint AND Version = @GrainStateVersion::integer
    RETURNING Version + 1 AS NewGrainStateVersion
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

-- Clustering. A change of a row and the step of the version are one statement, and the version decides: a writer that read an
-- older one changes nothing and is told 0.

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('InsertMembershipVersionKey', '
    WITH made AS (
        INSERT INTO OrleansMembershipVersionTable (DeploymentId, Version, ChangedAt)
        VALUES (@DeploymentId::text, 0, now())
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT COUNT(*)::integer FROM made
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('InsertMembershipKey', '
    WITH stepped AS (
        UPDATE OrleansMembershipVersionTable
        SET Version = Version + 1, ChangedAt = now()
        WHERE DeploymentId = @DeploymentId::text AND Version = @Version::integer
          AND NOT EXISTS (
              SELECT 1 FROM OrleansMembershipTable
              WHERE DeploymentId = @DeploymentId::text AND Address = @Address::text
                AND Port = @Port::integer AND Generation = @Generation::integer)
        RETURNING DeploymentId
    ), inserted AS (
        INSERT INTO OrleansMembershipTable
            (DeploymentId, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, StartTime, IAmAliveTime)
        SELECT DeploymentId, @Address::text, @Port::integer, @Generation::integer, @SiloName::text, @HostName::text,
               @Status::integer, @ProxyPort::integer, @StartTime::timestamptz, @IAmAliveTime::timestamptz
        FROM stepped
        RETURNING 1
    )
    SELECT COUNT(*)::integer FROM inserted
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('UpdateMembershipKey', '
    WITH stepped AS (
        UPDATE OrleansMembershipVersionTable
        SET Version = Version + 1, ChangedAt = now()
        WHERE DeploymentId = @DeploymentId::text AND Version = @Version::integer
          AND EXISTS (
              SELECT 1 FROM OrleansMembershipTable
              WHERE DeploymentId = @DeploymentId::text AND Address = @Address::text
                AND Port = @Port::integer AND Generation = @Generation::integer)
        RETURNING DeploymentId
    ), updated AS (
        UPDATE OrleansMembershipTable AS silo
        SET Status = @Status::integer, SuspectTimes = @SuspectTimes::text, IAmAliveTime = @IAmAliveTime::timestamptz
        FROM stepped
        WHERE silo.DeploymentId = stepped.DeploymentId AND silo.Address = @Address::text
          AND silo.Port = @Port::integer AND silo.Generation = @Generation::integer
        RETURNING 1
    )
    SELECT COUNT(*)::integer FROM updated
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('UpdateIAmAlivetimeKey', '
    UPDATE OrleansMembershipTable
    SET IAmAliveTime = @IAmAliveTime::timestamptz
    WHERE DeploymentId = @DeploymentId::text AND Address = @Address::text
      AND Port = @Port::integer AND Generation = @Generation::integer
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

-- Where nothing is to be read there is one row all the same, with the version alone.

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('MembershipReadRowKey', '
    SELECT v.DeploymentId, silo.Address, silo.Port, silo.Generation, silo.SiloName, silo.HostName, silo.Status,
           silo.ProxyPort, silo.SuspectTimes, silo.StartTime, silo.IAmAliveTime, v.Version
    FROM OrleansMembershipVersionTable AS v
    LEFT JOIN OrleansMembershipTable AS silo
      ON silo.DeploymentId = v.DeploymentId AND silo.Address = @Address::text
     AND silo.Port = @Port::integer AND silo.Generation = @Generation::integer
    WHERE v.DeploymentId = @DeploymentId::text
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('MembershipReadAllKey', '
    SELECT v.DeploymentId, silo.Address, silo.Port, silo.Generation, silo.SiloName, silo.HostName, silo.Status,
           silo.ProxyPort, silo.SuspectTimes, silo.StartTime, silo.IAmAliveTime, v.Version
    FROM OrleansMembershipVersionTable AS v
    LEFT JOIN OrleansMembershipTable AS silo ON silo.DeploymentId = v.DeploymentId
    WHERE v.DeploymentId = @DeploymentId::text
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('GatewaysQueryKey', '
    SELECT Address, ProxyPort, Generation
    FROM OrleansMembershipTable
    WHERE DeploymentId = @DeploymentId::text AND Status = @Status::integer AND ProxyPort > 0
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('DeleteMembershipTableEntriesKey', '
    WITH emptied AS (DELETE FROM OrleansMembershipTable WHERE DeploymentId = @DeploymentId::text)
    UPDATE OrleansMembershipVersionTable
    SET Version = Version + 1, ChangedAt = now()
    WHERE DeploymentId = @DeploymentId::text
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;

-- 3 is SiloStatus.Active.
INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES ('CleanupDefunctSiloEntriesKey', '
    DELETE FROM OrleansMembershipTable
    WHERE DeploymentId = @DeploymentId::text AND Status <> 3 AND IAmAliveTime < @IAmAliveTime::timestamptz
') ON CONFLICT (QueryKey) DO UPDATE SET QueryText = excluded.QueryText;
