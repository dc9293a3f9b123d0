namespace OrleansLog.Engine.Storage;

public sealed partial class LogManager
{
    // Retention and compaction run beside the logs; they end before the logs are closed.
#pragma warning disable CA1822 // nothing runs yet
    private ValueTask StopBackgroundAsync() => ValueTask.CompletedTask;
#pragma warning restore CA1822
}
