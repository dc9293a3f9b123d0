namespace OrleansLog.Cli.Hosting;

/// <summary>No silo could be reached; the message tells what to do about it.</summary>
internal sealed class UnreachableException(string message, Exception? innerException = null) : Exception(message, innerException);
