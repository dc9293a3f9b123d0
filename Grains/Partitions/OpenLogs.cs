using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// The logs of this node that somebody uses. A log is opened for its first user and closed after its last, so that the leader
/// of a partition and whoever tends to idle ones never close it under each other. Thread-safe.
/// </summary>
internal sealed class OpenLogs(LogHost host)
{
    private readonly Dictionary<TopicPartition, Slot> _slots = [];

    /// <summary>Whether somebody uses the log of this partition.</summary>
    public bool IsInUse(TopicPartition partition)
    {
        lock (_slots) return _slots.ContainsKey(partition);
    }

    /// <summary>Completes when nobody uses the log of this partition (any more).</summary>
    public Task WhenUnusedAsync(TopicPartition partition)
    {
        lock (_slots) return _slots.TryGetValue(partition, out var slot) ? slot.Unused.Task : Task.CompletedTask;
    }

    /// <summary>Opens or makes the log of a partition, or shares the open one.</summary>
    /// <exception cref="OrleansLogException">InconsistentTopicId: the folder belongs to another topic; KafkaStorageError.</exception>
    public async Task<LogLease> AcquireAsync(
        TopicPartition partition, Guid topicId, LogConfig config, CancellationToken cancellationToken)
    {
        var slot = Enter(partition);
        try
        {
            return await slot.Gate.RunAsync(async () =>
            {
                var log = await host.Manager.OpenLogAsync(partition, topicId, config, cancellationToken);
                slot.Leases++;
                return new LogLease(log, () => ReleaseAsync(partition, slot, log));
            });
        }
        catch (Exception e)
        {
            Leave(partition, slot);
            if (e is IOException or UnauthorizedAccessException)
                throw new OrleansLogException(ErrorCode.KafkaStorageError, $"The log of {partition} cannot be opened: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Deletes the log of a partition, if there is one; those who still use it are refused from now on.</summary>
    public async Task DeleteAsync(TopicPartition partition)
    {
        var slot = Enter(partition);
        try
        {
            await slot.Gate.RunAsync(() => host.Manager.DeleteLogAsync(partition).AsTask());
        }
        finally
        {
            Leave(partition, slot);
        }
    }

    /// <summary>Deletes the log of a partition if it belongs to that topic; answers whether it did.</summary>
    public async Task<bool> DeleteOfTopicAsync(TopicPartition partition, Guid topicId)
    {
        var slot = Enter(partition);
        try
        {
            return await slot.Gate.RunAsync(async () =>
            {
                if (host.Manager.ReadTopicId(partition) != topicId) return false;
                await host.Manager.DeleteLogAsync(partition);
                return true;
            });
        }
        finally
        {
            Leave(partition, slot);
        }
    }

    private async Task ReleaseAsync(TopicPartition partition, Slot slot, PartitionLog log)
    {
        try
        {
            await slot.Gate.RunAsync(async () =>
            {
                if (--slot.Leases > 0) return;
                // A deleted log, or one of a manager that is closed, is closed already.
                if (host.IsOpen && ReferenceEquals(host.Manager.TryGetLog(partition), log)) await host.Manager.CloseLogAsync(partition);
            });
        }
        finally
        {
            Leave(partition, slot);
        }
    }

    private Slot Enter(TopicPartition partition)
    {
        lock (_slots)
        {
            if (!_slots.TryGetValue(partition, out var slot)) _slots.Add(partition, slot = new Slot());
            slot.Users++;
            return slot;
        }
    }

    private void Leave(TopicPartition partition, Slot slot)
    {
        lock (_slots)
        {
            if (--slot.Users > 0) return;
            _slots.Remove(partition);
            slot.Unused.SetResult();
        }
    }

    private sealed class Slot
    {
        /// <summary>One opening, closing or deletion at a time.</summary>
        public Gate Gate { get; } = new();

        /// <summary>Those who have the log or wait at the gate; guarded by the dictionary's lock.</summary>
        public int Users { get; set; }

        /// <summary>Completed when there are none.</summary>
        public TaskCompletionSource Unused { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Those who have the log; changed within the gate.</summary>
        public int Leases { get; set; }
    }
}
