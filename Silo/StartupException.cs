namespace OrleansLog.Silo;

/// <summary>The silo cannot start as it is configured; the message says which setting is at fault and how to mend it.</summary>
internal sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
