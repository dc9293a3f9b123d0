namespace OrleansLog.Engine.Storage;

/// <summary>Something that the flush threads make durable.</summary>
internal interface IFlushable
{
    /// <summary>Runs one round; called by one flush thread at a time. Deals with its own failures.</summary>
    void RunFlush();
}
