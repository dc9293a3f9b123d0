using Microsoft.Extensions.Logging;

namespace OrleansLog.Silo;

/// <summary>
/// Keeps the runtime's own log lines back until the silo has started: a start that fails is explained in one line, not by
/// every layer that sees the failure pass. Lines of the log itself always come through. Thread-safe.
/// </summary>
[ProviderAlias("Console")]
internal sealed class QuietStart(ILoggerProvider inner, StartupProgress progress) : ILoggerProvider, ISupportExternalScope
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName)
    {
        var logger = inner.CreateLogger(categoryName);
        return categoryName.StartsWith("OrleansLog.", StringComparison.Ordinal) ? logger : new QuietLogger(logger, progress);
    }

    /// <inheritdoc/>
    public void SetScopeProvider(IExternalScopeProvider scopeProvider) =>
        (inner as ISupportExternalScope)?.SetScopeProvider(scopeProvider);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private sealed class QuietLogger(ILogger inner, StartupProgress progress) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => progress.IsStarted && inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (progress.IsStarted) inner.Log(logLevel, eventId, state, exception, formatter);
        }
    }
}
