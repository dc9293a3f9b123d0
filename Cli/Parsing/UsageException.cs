namespace OrleansLog.Cli.Parsing;

/// <summary>The command line was understood but asks for something that makes no sense; exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
