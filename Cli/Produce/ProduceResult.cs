namespace OrleansLog.Cli.Produce;

/// <summary>How producing ended.</summary>
/// <param name="Lines">Lines read.</param>
/// <param name="BytesRead">Bytes read, line ends included.</param>
/// <param name="Delivered">Records acknowledged.</param>
/// <param name="Failed">Records that failed.</param>
/// <param name="Unknown">Records of which nothing was heard any more when it was interrupted.</param>
/// <param name="LinesWithoutKey">Lines in which the key was looked for and not found.</param>
/// <param name="FirstFailure">Why the first record failed; null for none.</param>
/// <param name="FirstFailedPlace">Which line that was: <c>line 17 of words.txt</c>.</param>
/// <param name="InputError">Why reading stopped before the end: a line too long, an input that cannot be read; null if it did not.</param>
/// <param name="Interrupted">Whether it was told to stop.</param>
/// <param name="Elapsed">How long it took.</param>
internal sealed record ProduceResult(
    long Lines,
    long BytesRead,
    long Delivered,
    long Failed,
    long Unknown,
    long LinesWithoutKey,
    Exception? FirstFailure,
    string? FirstFailedPlace,
    Exception? InputError,
    bool Interrupted,
    TimeSpan Elapsed);
