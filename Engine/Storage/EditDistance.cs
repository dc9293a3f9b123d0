namespace OrleansLog.Engine.Storage;

/// <summary>How many letters must be inserted, deleted or replaced to make one name of another; for "did you mean".</summary>
public static class EditDistance
{
    private const int LongestName = 256;

    /// <summary>The distance between two names, case counting; for a very long <paramref name="b"/> just its length.</summary>
    public static int Between(string a, string b)
    {
        if (b.Length > LongestName) return b.Length;
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++) row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
