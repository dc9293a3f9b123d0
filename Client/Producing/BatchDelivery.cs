using System.Runtime.CompilerServices;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// The outcome of one batch, and so of each of its records: a record's result is made from the batch's when somebody asks, so
/// that a record costs no object of its own.
/// </summary>
internal sealed class BatchDelivery(TopicPartition partition, Action awaited)
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _baseOffset = -1;
    private long _appendTimeMs = -1;
    private int _isAwaited;

    /// <summary>Whether somebody waits for the outcome, so that sending the batch is not to be put off.</summary>
    public bool IsAwaited => Volatile.Read(ref _isAwaited) != 0;

    /// <summary>Notes that somebody is about to wait, and tells nobody.</summary>
    public void MarkAwaited() => Volatile.Write(ref _isAwaited, 1);

    public bool IsCompleted => _completion.Task.IsCompleted;

    /// <summary>Ends with the batch, and never fails.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Why the batch failed; null while it is under way and when it succeeded.</summary>
    public Exception? Failure { get; private set; }

    /// <param name="baseOffset">The first record's offset; -1 when not known.</param>
    /// <param name="appendTimeMs">The time the leader gave the records; -1 when they keep their own.</param>
    public void Succeed(long baseOffset, long appendTimeMs)
    {
        _baseOffset = baseOffset;
        _appendTimeMs = appendTimeMs;
        _completion.TrySetResult();
    }

    public void Fail(Exception failure)
    {
        Failure = failure;
        _completion.TrySetResult();
    }

    public ValueTask<RecordMetadata> WaitAsync(int index, long timestampMs)
    {
        if (!IsCompleted)
        {
            Await();
            return SlowAsync(index, timestampMs);
        }

        return Failure is null ? new(Result(index, timestampMs)) : ValueTask.FromException<RecordMetadata>(Copy(Failure));
    }

    private void Await()
    {
        if (IsAwaited || Interlocked.Exchange(ref _isAwaited, 1) != 0) return;
        awaited();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RecordMetadata> SlowAsync(int index, long timestampMs)
    {
        await _completion.Task.ConfigureAwait(false);
        return Failure is null ? Result(index, timestampMs) : throw Copy(Failure);
    }

    private RecordMetadata Result(int index, long timestampMs) => new(
        partition, _baseOffset < 0 ? -1 : _baseOffset + index, _appendTimeMs < 0 ? timestampMs : _appendTimeMs);

    // Each waiter gets an exception of its own: throwing one object from several threads would mix up its stack trace.
    private static Exception Copy(Exception failure) => failure is OrleansLogException known
        ? new OrleansLogException(known.Error, known.Message, known.InnerException ?? known)
        : failure;
}
