namespace FedSpine.Engine.Formats;

/// <summary>
/// Files that belong together (a model's config and weights): all are written to a folder beside the final one, which takes its
/// place on <see cref="Commit"/>. A folder that already exists (then they are written inside it, which may be all that is
/// writable) keeps its other files; those of the same name are replaced, each at once. Disposing without a commit leaves
/// nothing behind.
/// </summary>
public sealed class AtomicFolder : IDisposable
{
    private readonly Func<string, Stream> _open;
    private bool _done;

    /// <param name="path">The final folder; missing parents are created.</param>
    /// <exception cref="FedSpineException">The place is not writable.</exception>
    public AtomicFolder(string path) : this(path, AtomicFile.Create)
    {
    }

    internal AtomicFolder(string path, Func<string, Stream> open)
    {
        Path = path;
        Staging = AtomicFile.PartialName(Directory.Exists(path) ? System.IO.Path.Combine(path, "files") : path);
        _open = open;
        Guard(() =>
        {
            if (File.Exists(path))
                throw new IOException("it is a file");
            Directory.CreateDirectory(Staging);
        });
    }

    public string Path { get; }

    /// <summary>Where the files are until they are committed.</summary>
    public string Staging { get; }

    /// <exception cref="FedSpineException">The disk is full, ...</exception>
    public void Write(string name, Action<Stream> write) => Guard(() => AtomicFile.WriteWhole(System.IO.Path.Combine(Staging, name), write, _open));

    /// <exception cref="FedSpineException">The files could not be moved.</exception>
    public void Commit() => Guard(() =>
    {
        if (!Directory.Exists(Path))
        {
            Directory.Move(Staging, Path);
        }
        else
        {
            foreach (string file in Directory.EnumerateFiles(Staging).Order(StringComparer.Ordinal))
                File.Move(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)), overwrite: true);
            Directory.Delete(Staging);
        }

        _done = true;
    });

    public void Dispose()
    {
        if (_done)
            return;
        _done = true;
        try
        {
            Directory.Delete(Staging, recursive: true);
        }
        catch (Exception e) when (AtomicFile.IsDiskFailure(e))
        {
            // What made the writing fail is the failure to report.
        }
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (AtomicFile.IsDiskFailure(e))
        {
            throw AtomicFile.Failure(Path, e);
        }
    }
}
