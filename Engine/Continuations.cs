namespace OrleansLog.Engine;

/// <summary>Marks a synchronization context on which everything that the engine goes on with is to run, in a fixed order.</summary>
internal interface IEngineContext;

/// <summary>
/// Where the engine goes on after a wait: on the thread pool, and never on the context of whoever called. The one exception is a
/// thread whose context says that it wants all of it: a simulation's, which is one thread and repeats a run exactly.
/// </summary>
internal static class Continuations
{
    /// <summary>For <c>ConfigureAwait</c>: whether to stay on the caller's context.</summary>
    public static bool StayOnContext => SynchronizationContext.Current is IEngineContext;

    /// <summary>For <c>ConfigureAwait</c>, where a failure shows elsewhere.</summary>
    public static ConfigureAwaitOptions SuppressThrowing =>
        ConfigureAwaitOptions.SuppressThrowing | (StayOnContext ? ConfigureAwaitOptions.ContinueOnCapturedContext : ConfigureAwaitOptions.None);

    /// <summary>A completion whose waiters do not run on the thread that completes it (but come back to their context).</summary>
    public static TaskCompletionSource NewCompletion() => new(Options);

    /// <inheritdoc cref="NewCompletion()"/>
    public static TaskCompletionSource<T> NewCompletion<T>() => new(Options);

    /// <summary>Starts something that must not run on the caller's thread.</summary>
    public static Task Run(Func<Task> action) => SynchronizationContext.Current is IEngineContext ? Posted(action) : Task.Run(action);

    // On a context, waiters are posted to it; asking for more would send them to the thread pool on the way.
    private static TaskCreationOptions Options =>
        StayOnContext ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    private static async Task Posted(Func<Task> action)
    {
        await Task.Yield();
        await action().ConfigureAwait(true);
    }
}
