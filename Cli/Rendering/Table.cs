namespace OrleansLog.Cli.Rendering;

/// <summary>A table for people; how it looks is the writer's.</summary>
internal sealed class Table
{
    private readonly List<string[]> _rows = [];

    /// <param name="columns">Its headings; one that ends in <c>#</c> is of numbers, set to the right.</param>
    public Table(params string[] columns) => Columns =
        [.. columns.Select(static name => new Column(name.TrimEnd('#'), name.EndsWith('#')))];

    /// <summary>What stands above; null for nothing.</summary>
    public string? Title { get; init; }

    /// <summary>The columns.</summary>
    public IReadOnlyList<Column> Columns { get; }

    /// <summary>The rows, each with a cell a column.</summary>
    public IReadOnlyList<string[]> Rows => _rows;

    /// <summary>Adds a row.</summary>
    public Table Add(params string[] cells)
    {
        if (cells.Length != Columns.Count)
            throw new ArgumentException($"The row has {cells.Length} cells, the table {Columns.Count} columns.", nameof(cells));
        _rows.Add(cells);
        return this;
    }

    /// <summary>A column.</summary>
    internal readonly record struct Column(string Name, bool IsNumber);
}
