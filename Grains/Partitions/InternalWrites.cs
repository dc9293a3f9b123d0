namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Marks the grain calls by which the cluster itself writes to its internal topics; a produce request without the mark is
/// refused there. It keeps clients from a mistake, not from malice: the gateway is trusted.
/// </summary>
internal static class InternalWrites
{
    private const string Key = "OrleansLog.InternalWrite";

    /// <summary>Whether the current call is marked.</summary>
    public static bool IsAllowed => RequestContext.Get(Key) is true;

    /// <summary>Marks the calls made until the scope is disposed of. Use it around the call, within one asynchronous method.</summary>
    public static Scope Allow()
    {
        RequestContext.Set(Key, true);
        return default;
    }

    /// <summary>Ends the mark.</summary>
    public readonly struct Scope : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => RequestContext.Remove(Key);
    }
}
