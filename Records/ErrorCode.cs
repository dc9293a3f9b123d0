namespace OrleansLog.Records;

/// <summary>
/// The error codes of the Kafka protocol, with Kafka's numbers, as far as this project gives them. Every error that
/// reaches a user carries one, so that the typed client and a Kafka client are told the same thing.
/// Source: the error table of the Kafka protocol guide.
/// </summary>
#pragma warning disable CA1028 // the wire type is an int16
public enum ErrorCode : short
#pragma warning restore CA1028
{
    /// <summary>An unexpected failure on the server.</summary>
    UnknownServerError = -1,
    /// <summary>No error.</summary>
    None = 0,
    /// <summary>The offset lies outside the range of offsets kept by the partition.</summary>
    OffsetOutOfRange = 1,
    /// <summary>The bytes fail their CRC, exceed a bound, or are not a valid record batch.</summary>
    CorruptMessage = 2,
    /// <summary>There is no such topic or partition.</summary>
    UnknownTopicOrPartition = 3,
    /// <summary>The partition has no leader at present; retry.</summary>
    LeaderNotAvailable = 5,
    /// <summary>The node asked does not lead this partition; refresh metadata and retry.</summary>
    NotLeaderOrFollower = 6,
    /// <summary>The request was not done within its time; it may have been carried out.</summary>
    RequestTimedOut = 7,
    /// <summary>A batch or record is larger than <c>max.message.bytes</c>.</summary>
    RecordTooLarge = 10,
    /// <summary>The metadata of a committed offset is longer than the bound.</summary>
    OffsetMetadataTooLarge = 12,
    /// <summary>The connection broke before the answer arrived; the request may have been carried out.</summary>
    NetworkException = 13,
    /// <summary>The group coordinator is still loading its offsets; retry.</summary>
    CoordinatorLoadInProgress = 14,
    /// <summary>The group or transaction coordinator cannot be reached at present; retry.</summary>
    CoordinatorNotAvailable = 15,
    /// <summary>The node asked does not coordinate this group; look the coordinator up again and retry.</summary>
    NotCoordinator = 16,
    /// <summary>The topic name is invalid or names an internal topic that may not be written.</summary>
    InvalidTopic = 17,
    /// <summary>The request holds more bytes than a segment can.</summary>
    RecordListTooLarge = 18,
    /// <summary>Fewer replicas are in sync than <c>min.insync.replicas</c>; nothing was appended.</summary>
    NotEnoughReplicas = 19,
    /// <summary>The record was appended, but fewer replicas than <c>min.insync.replicas</c> hold it.</summary>
    NotEnoughReplicasAfterAppend = 20,
    /// <summary><c>acks</c> is none of -1, 0 and 1.</summary>
    InvalidRequiredAcks = 21,
    /// <summary>The generation or member epoch is not the group's current one.</summary>
    IllegalGeneration = 22,
    /// <summary>The member's protocols or protocol type do not fit those of the group.</summary>
    InconsistentGroupProtocol = 23,
    /// <summary>The group id is empty or otherwise invalid.</summary>
    InvalidGroupId = 24,
    /// <summary>The coordinator does not know this member (any more).</summary>
    UnknownMemberId = 25,
    /// <summary>The session timeout lies outside its bounds.</summary>
    InvalidSessionTimeout = 26,
    /// <summary>The group is rebalancing; rejoin.</summary>
    RebalanceInProgress = 27,
    /// <summary>The committed offsets are larger than a record may be.</summary>
    InvalidCommitOffsetSize = 28,
    /// <summary>The timestamp lies outside the bounds the topic sets.</summary>
    InvalidTimestamp = 32,
    /// <summary>The protocol version is not served.</summary>
    UnsupportedVersion = 35,
    /// <summary>A topic with this name exists already.</summary>
    TopicAlreadyExists = 36,
    /// <summary>The number of partitions is invalid.</summary>
    InvalidPartitions = 37,
    /// <summary>The replication factor is below 1 or above the number of nodes.</summary>
    InvalidReplicationFactor = 38,
    /// <summary>The replica assignment is invalid.</summary>
    InvalidReplicaAssignment = 39,
    /// <summary>A configuration name is unknown or its value is invalid.</summary>
    InvalidConfig = 40,
    /// <summary>The request is malformed or contradicts itself.</summary>
    InvalidRequest = 42,
    /// <summary>The topic's message format does not allow this.</summary>
    UnsupportedForMessageFormat = 43,
    /// <summary>The request is refused by policy.</summary>
    PolicyViolation = 44,
    /// <summary>A sequence number does not follow the producer's last one.</summary>
    OutOfOrderSequenceNumber = 45,
    /// <summary>The batch was appended before, so long ago that its offset is no longer known.</summary>
    DuplicateSequenceNumber = 46,
    /// <summary>A newer producer with the same identity has fenced this one.</summary>
    InvalidProducerEpoch = 47,
    /// <summary>The transaction is not in a state that allows this.</summary>
    InvalidTxnState = 48,
    /// <summary>The producer id does not belong to the transactional id.</summary>
    InvalidProducerIdMapping = 49,
    /// <summary>The log directory failed (full disk, I/O error, failed fsync); its partitions are offline.</summary>
    KafkaStorageError = 56,
    /// <summary>The partition knows nothing of this producer id.</summary>
    UnknownProducerId = 59,
    /// <summary>A reassignment of this partition is under way.</summary>
    ReassignmentInProgress = 60,
    /// <summary>The group still has members.</summary>
    NonEmptyGroup = 68,
    /// <summary>There is no such group.</summary>
    GroupIdNotFound = 69,
    /// <summary>There is no such fetch session.</summary>
    FetchSessionIdNotFound = 70,
    /// <summary>The leader has no listener for Kafka clients.</summary>
    ListenerNotFound = 72,
    /// <summary>The preferred leader does not run, or is not in sync.</summary>
    PreferredLeaderNotAvailable = 80,
    /// <summary>The leader epoch in the request is older than the partition's.</summary>
    FencedLeaderEpoch = 74,
    /// <summary>The leader epoch in the request is newer than the partition's.</summary>
    UnknownLeaderEpoch = 75,
    /// <summary>The compression codec is not known or not allowed.</summary>
    UnsupportedCompressionType = 76,
    /// <summary>The offset is not known to be committed yet on this new leader; retry.</summary>
    OffsetNotAvailable = 78,
    /// <summary>The member must come back with the member id it was given.</summary>
    MemberIdRequired = 79,
    /// <summary>The group has reached its greatest size.</summary>
    GroupMaxSizeReached = 81,
    /// <summary>Another member with the same <c>group.instance.id</c> has replaced this one.</summary>
    FencedInstanceId = 82,
    /// <summary>The partition is led as it is to be.</summary>
    ElectionNotNeeded = 84,
    /// <summary>The partition is not being reassigned.</summary>
    NoReassignmentInProgress = 85,
    /// <summary>A member of the group is subscribed to the topic.</summary>
    GroupSubscribedToTopic = 86,
    /// <summary>A record is invalid for this topic, such as one without a key in a compacted topic.</summary>
    InvalidRecord = 87,
    /// <summary>There are transactions whose outcome is not known yet.</summary>
    UnstableOffsetCommit = 88,
    /// <summary>The producer epoch is fenced; the producer must be initialised again.</summary>
    ProducerFenced = 90,
    /// <summary>There is no topic with this id.</summary>
    UnknownTopicId = 100,
    /// <summary>The topic id is not the one the partition was created with.</summary>
    InconsistentTopicId = 103,
    /// <summary>The member epoch is fenced; the member must give up its partitions and rejoin.</summary>
    FencedMemberEpoch = 110,
    /// <summary>A static member with this instance id is in the group and has not left.</summary>
    UnreleasedInstanceId = 111,
    /// <summary>The assignor is not known.</summary>
    UnsupportedAssignor = 112,
    /// <summary>The member epoch is behind: the member must learn its new epoch before it commits.</summary>
    StaleMemberEpoch = 113,
    /// <summary>There are no endpoints of this type.</summary>
    UnsupportedEndpointType = 115,
    /// <summary>The regular expression of a subscription is invalid.</summary>
    InvalidRegularExpression = 128,
}
