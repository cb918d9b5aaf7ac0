using System.Globalization;
using System.Text;

namespace FedSpine.Engine;

/// <summary>
/// A failure the user can read: one line that says what and where. The command line exits with 1. Control characters, which names out
/// of damaged files may hold, are escaped.
/// </summary>
public class FedSpineException(string message, Exception? inner = null) : Exception(Printable(message), inner)
{
    private static string Printable(string message)
    {
        if (!message.Any(IsControl))
            return message;
        var text = new StringBuilder(message.Length + 16);
        foreach (char letter in message)
        {
            if (IsControl(letter))
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else
                text.Append(letter);
        }

        return text.ToString();
    }

    private static bool IsControl(char letter) => char.IsControl(letter) || letter is '\u2028' or '\u2029';
}

/// <summary>Bad input or usage: a missing or malformed file, an impossible option. The command line exits with 2.</summary>
public class InputException(string message, Exception? inner = null) : FedSpineException(message, inner)
{
    /// <summary>"PATH: what is wrong".</summary>
    public static InputException InFile(string path, string what, Exception? inner = null) => new($"{path}: {what}", inner);
}
