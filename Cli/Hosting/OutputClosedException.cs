namespace OrleansLog.Cli.Hosting;

/// <summary>Nobody reads standard output any more (<c>| head</c>): no failure, only the end of the work.</summary>
internal sealed class OutputClosedException() : IOException("Standard output was closed by its reader.");
