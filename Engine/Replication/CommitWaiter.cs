namespace OrleansLog.Engine.Replication;

/// <summary>Somebody who waits for the high watermark to be at an offset; one of a list.</summary>
internal sealed class CommitWaiter(long offset, bool goesOnAnywhere)
{
    // On the thread that completes it, for those that may go on anywhere.
    private readonly TaskCompletionSource _done = goesOnAnywhere ? new TaskCompletionSource() : Continuations.NewCompletion();

    /// <summary>The offset.</summary>
    public long Offset => offset;

    /// <summary>Whether who waits may go on on the thread that raises the high watermark.</summary>
    public bool GoesOnAnywhere => goesOnAnywhere;

    /// <summary>Completes when it is there.</summary>
    public Task Task => _done.Task;

    /// <summary>The one after it in the list that it is in.</summary>
    public CommitWaiter? Next { get; set; }

    /// <summary>The one before it.</summary>
    public CommitWaiter? Previous { get; set; }

    /// <summary>Whether it is in a list.</summary>
    public bool IsListed { get; set; }

    /// <summary>Completes it; who waits goes on here if it may, and <paramref name="mayGoOnHere"/>.</summary>
    public void Complete(bool mayGoOnHere)
    {
        if (!goesOnAnywhere || mayGoOnHere || Continuations.StayOnContext) _done.TrySetResult();
        else ThreadPool.UnsafeQueueUserWorkItem(static done => done.TrySetResult(), _done, preferLocal: false);
    }

    /// <summary>Fails it; nobody goes on on this thread, whose owner may hold locks.</summary>
    public void Fail(Exception reason)
    {
        if (!goesOnAnywhere || Continuations.StayOnContext) SetException(_done, reason);
        else ThreadPool.UnsafeQueueUserWorkItem(static state => SetException(state._done, state.reason), (_done, reason), preferLocal: false);

        static void SetException(TaskCompletionSource done, Exception reason)
        {
            done.TrySetException(reason);
            // Who waited may have left meanwhile; nobody is owed this exception then.
            _ = done.Task.Exception;
        }
    }
}

/// <summary>Who is to hear of a rise of the high watermark, to be told outside of all locks.</summary>
internal readonly struct CommitRise(TaskCompletionSource? signal, CommitWaiter? first)
{
    // The thread has something else to do: it raised the high watermark by the way.
    private const int MostGoingOnHere = 4;

    /// <summary>Tells them. Some of those that may go on on this thread do so before this returns.</summary>
    public void Complete()
    {
        signal?.TrySetResult();
        // Those on other threads begin first.
        var here = 0;
        for (var waiter = first; waiter is not null; waiter = waiter.Next)
            if (!waiter.GoesOnAnywhere || ++here > MostGoingOnHere) waiter.Complete(mayGoOnHere: false);
        here = 0;
        for (var waiter = first; waiter is not null && here < MostGoingOnHere; waiter = waiter.Next)
        {
            if (!waiter.GoesOnAnywhere) continue;
            here++;
            waiter.Complete(mayGoOnHere: true);
        }
    }

    /// <summary>Tells them that there will be none.</summary>
    public void Fail(Exception reason)
    {
        for (var waiter = first; waiter is not null; waiter = waiter.Next) waiter.Fail(reason);
        if (signal is null) return;
        signal.TrySetException(reason);
        // See CommitWaiter.Fail.
        _ = signal.Task.Exception;
    }
}
