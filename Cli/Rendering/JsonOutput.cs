using System.Text.Encodings.Web;
using System.Text.Json;

namespace OrleansLog.Cli.Rendering;

/// <summary>How JSON is written.</summary>
internal static class JsonOutput
{
    /// <summary>Text is left readable (no escapes for what JSON itself allows): the output is no web page.</summary>
    public static JsonWriterOptions Options(bool indented) => new()
    {
        Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes an array of objects.</summary>
    public static void WriteObjects<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> writeMembers)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            json.WriteStartObject();
            writeMembers(item);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Writes an object of texts.</summary>
    public static void WriteMap(this Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, string>> map)
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in map)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    /// <summary>Writes an array of numbers.</summary>
    public static void WriteNumbers(this Utf8JsonWriter json, string name, IEnumerable<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }
}
