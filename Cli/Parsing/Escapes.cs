using System.Globalization;
using System.Text;

namespace OrleansLog.Cli.Parsing;

/// <summary>Escapes in separators and markers, so that a tab can be written as <c>\t</c> in any shell.</summary>
internal static class Escapes
{
    /// <summary>The bytes of a text in which <c>\t \n \r \0 \\</c> and <c>\xHH</c> stand for themselves; the rest is UTF-8.</summary>
    /// <exception cref="FormatException">An escape is not one of these.</exception>
    public static byte[] ToBytes(string text)
    {
        var bytes = new List<byte>(text.Length);
        for (var i = 0; i < text.Length;)
        {
            if (text[i] != '\\')
            {
                var end = text.IndexOf('\\', i);
                end = end < 0 ? text.Length : end;
                bytes.AddRange(Encoding.UTF8.GetBytes(text[i..end]));
                i = end;
                continue;
            }

            bytes.Add(ReadEscape(text, ref i));
        }

        return [.. bytes];
    }

    private static byte ReadEscape(string text, ref int i)
    {
        var at = i;
        i += 2;
        switch (at + 1 < text.Length ? text[at + 1] : '\0')
        {
            case 't': return (byte)'\t';
            case 'n': return (byte)'\n';
            case 'r': return (byte)'\r';
            case '0': return 0;
            case '\\': return (byte)'\\';
            case 'x' when at + 4 <= text.Length && byte.TryParse(
                text.AsSpan(at + 2, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value):
                i += 2;
                return value;
            default:
                throw new FormatException(
                    $"'{text[at..Math.Min(text.Length, at + 2)]}' is no escape: use \\t, \\n, \\r, \\0, \\\\ or \\xHH.");
        }
    }
}
