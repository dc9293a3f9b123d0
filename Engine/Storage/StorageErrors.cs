using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>Turns failures of the disk into the error that users see.</summary>
internal static class StorageErrors
{
    /// <summary>A <see cref="ErrorCode.KafkaStorageError"/> that says what was tried, why it failed and, for a full disk, what helps.</summary>
    public static OrleansLogException Wrap(Exception failure, string what) => new(
        ErrorCode.KafkaStorageError,
        StorageFaults.IsDiskFull(failure)
            ? $"{what}: the disk is full. Free space or lower the topic's retention, then reopen the partition. ({failure.Message})"
            : $"{what}: {failure.Message}",
        failure);
}
