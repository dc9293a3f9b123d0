using OrleansLog.Records;

namespace OrleansLog.Grains.Catalog;

/// <summary>Kafka's rules for topic names.</summary>
internal static class TopicNames
{
    /// <summary>The greatest length of a name in characters; a partition's folder name must fit a file system.</summary>
    public const int MaxLength = 249;

    /// <summary>Refuses a name that no topic can have.</summary>
    /// <exception cref="OrleansLogException">InvalidTopic.</exception>
    public static void Validate(string name)
    {
        if (string.IsNullOrEmpty(name)) throw Invalid("A topic name must have 1 to 249 characters; this one is empty.");
        if (name.Length > MaxLength)
        {
            throw Invalid(
                $"A topic name must have 1 to {MaxLength} characters; '{name[..32]}...' has {name.Length}.");
        }

        if (name is "." or "..") throw Invalid($"'{name}' cannot be a topic name: it would name a folder's own place.");
        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('.' or '_' or '-'))
            {
                throw Invalid(
                    $"The topic name '{name}' holds the character '{character}' (U+{(int)character:X4}); "
                    + "allowed are a-z, A-Z, 0-9, '.', '_' and '-'.");
            }
        }
    }

    /// <summary>
    /// Whether two different names must not stand side by side because they differ in '.' and '_' only: metric names, where
    /// both become '_', could not tell them apart.
    /// </summary>
    public static bool Collide(string one, string other)
    {
        if (one.Length != other.Length) return false;
        for (var i = 0; i < one.Length; i++)
        {
            if (one[i] != other[i] && !(one[i] is '.' or '_' && other[i] is '.' or '_')) return false;
        }

        return true;
    }

    private static OrleansLogException Invalid(string message) => new(ErrorCode.InvalidTopic, message);
}
