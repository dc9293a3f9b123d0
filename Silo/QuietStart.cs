using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansLog.Silo;

/// <summary>
/// Keeps the runtime's own log lines back until the silo has started: a start that fails is explained in one line, not by
/// every layer that sees the failure pass. Its warnings come without stack traces afterwards, unless its category is logged from Debug on: when a
/// node is gone, each call that was meant for it ends in an exception of several layers, and writing them all out, with the lines of the
/// sources they come from, keeps the cores busy while a new leader is waited for. Lines of the log itself always come through as they are.
/// Thread-safe.
/// </summary>
[ProviderAlias("Console")]
internal sealed class QuietStart(ILoggerProvider inner, StartupProgress progress, IOptions<LoggerFilterOptions> filters)
    : ILoggerProvider, ISupportExternalScope
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName)
    {
        var logger = inner.CreateLogger(categoryName);
        return categoryName.StartsWith("OrleansLog.", StringComparison.Ordinal)
            ? logger
            : new QuietLogger(logger, progress, IsDetailed(categoryName));
    }

    /// <inheritdoc/>
    public void SetScopeProvider(IExternalScopeProvider scopeProvider) =>
        (inner as ISupportExternalScope)?.SetScopeProvider(scopeProvider);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private bool IsDetailed(string category) => filters.Value.Rules.Any(rule =>
        rule.LogLevel <= LogLevel.Debug
        && (rule.CategoryName is not { } prefix || category.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)));

    private sealed class QuietLogger(ILogger inner, StartupProgress progress, bool isDetailed) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => progress.IsStarted && inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!progress.IsStarted) return;
            if (isDetailed || logLevel >= LogLevel.Error || exception is null) inner.Log(logLevel, eventId, state, exception, formatter);
            else inner.Log(logLevel, eventId, state, null, (what, _) => Shorten(formatter(what, exception), exception));
        }

        // What was caused by what, a line each: the messages may hold the stack traces of other silos.
        private static string Shorten(string message, Exception exception)
        {
            var text = new StringBuilder().Append(FirstLine(message));
            for (var cause = exception; cause is not null; cause = cause.InnerException)
                text.AppendLine().Append(cause.GetType().Name).Append(": ").Append(FirstLine(cause.Message));
            return text.ToString();
        }

        private static ReadOnlySpan<char> FirstLine(string text)
        {
            var end = text.AsSpan().IndexOfAny('\r', '\n');
            return end < 0 ? text : text.AsSpan(0, end);
        }
    }
}
