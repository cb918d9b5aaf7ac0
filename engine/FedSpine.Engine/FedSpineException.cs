namespace FedSpine.Engine;

/// <summary>A failure the user can read: one line that says what and where. The command line exits with 1.</summary>
public class FedSpineException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Bad input or usage: a missing or malformed file, an impossible option. The command line exits with 2.</summary>
public class InputException(string message, Exception? inner = null) : FedSpineException(message, inner)
{
    /// <summary>"PATH: what is wrong".</summary>
    public static InputException InFile(string path, string what, Exception? inner = null) => new($"{path}: {what}", inner);
}
