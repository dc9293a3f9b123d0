using Spectre.Console;

namespace OrleansLog.Cli.Rendering;

/// <summary>
/// Writes tables: drawn for a terminal; elsewhere as plain columns, one row a line whatever the width, fit for grep and awk (and
/// without the time it takes to load the drawing).
/// </summary>
internal static class TableWriter
{
    /// <summary>Writes a table.</summary>
    public static void Write(Table table, TextWriter output, bool isTerminal, int width)
    {
        if (table.Title is not null)
            output.WriteLine(table.Title);
        if (isTerminal)
            WriteDrawn(table, output, width);
        else
            WritePlain(table, output);
    }

    private static void WriteDrawn(Table table, TextWriter output, int width)
    {
        var drawn = new Spectre.Console.Table { Border = TableBorder.Rounded };
        foreach (var column in table.Columns)
        {
            drawn.AddColumn(new TableColumn(new Text(column.Name, new Style(decoration: Decoration.Bold)))
            {
                Alignment = column.IsNumber ? Justify.Right : Justify.Left,
            });
        }

        foreach (var row in table.Rows)
            drawn.AddRow(row.Select(static cell => new Text(cell)));
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.Yes });
        console.Profile.Width = width;
        console.Write(drawn);
    }

    private static void WritePlain(Table table, TextWriter output)
    {
        var widths = table.Columns
            .Select((column, i) => table.Rows.Select(row => row[i].Length).Append(column.Name.Length).Max())
            .ToArray();
        WriteRow([.. table.Columns.Select(static column => column.Name.ToUpperInvariant())]);
        foreach (var row in table.Rows)
            WriteRow(row);

        void WriteRow(string[] cells)
        {
            var padded = cells.Select((cell, i) => table.Columns[i].IsNumber ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]));
            output.WriteLine(string.Join("  ", padded).TrimEnd());
        }
    }
}
