namespace OrleansLog.Client;

/// <summary>Starts the loops that producers and consumers own.</summary>
internal static class BackgroundTask
{
    /// <summary>
    /// Runs on the thread pool, apart from the caller: neither on its task scheduler (a grain's turn would be blocked) nor within
    /// its execution context (the loop outlives the request that happened to start it).
    /// </summary>
    public static Task Run(Func<Task> loop)
    {
        if (ExecutionContext.IsFlowSuppressed()) return Task.Run(loop);
        using (ExecutionContext.SuppressFlow()) return Task.Run(loop);
    }
}
