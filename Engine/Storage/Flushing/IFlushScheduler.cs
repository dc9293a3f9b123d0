namespace OrleansLog.Engine.Storage;

/// <summary>Who calls the fsyncs of logs.</summary>
internal interface IFlushScheduler
{
    /// <summary>Has <see cref="IFlushable.RunFlush"/> called, soon and not by the caller; whoever calls sees to it that nothing is
    /// queued twice.</summary>
    void Enqueue(IFlushable log);

    /// <summary>One more waits for a log that is queued.</summary>
    void NoteWaiter()
    {
    }

    /// <summary>The same when the delay (milliseconds) is over.</summary>
    void EnqueueAfter(IFlushable log, long delayMs);
}
