namespace FedSpine.Cli;

internal static class WorkingPath
{
    /// <summary>As people would type it from here: relative where it lies below the working folder.</summary>
    public static string Shorten(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
