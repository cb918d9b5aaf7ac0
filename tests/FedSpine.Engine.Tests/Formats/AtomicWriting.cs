using FedSpine.Engine.Formats;
using FedSpine.Engine.Models;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Formats;

/// <summary>A disk that is full after some bytes: what existed stays, nothing partial is left, and the error is one line.</summary>
public sealed class AtomicWriting : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_replaced_whole()
    {
        string path = _folder["deep/er/file.txt"];
        AtomicFile.WriteText(path, "one");
        AtomicFile.WriteText(path, "zwei ü");
        Assert.Equal("zwei ü", File.ReadAllText(path));
        Assert.Single(Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(1000)]
    public void A_full_disk_leaves_the_old_file(int capacity)
    {
        File.WriteAllText(_folder["x"], "old");
        var error = Assert.Throws<FedSpineException>(() => AtomicFile.Write(_folder["x"], s =>
        {
            for (int i = 0; i < 100; i++)
                s.Write(new byte[64]);
        }, FullAfter(capacity)));
        Assert.IsNotType<InputException>(error);
        Assert.Equal($"{_folder["x"]}: cannot be written: No space left on device", error.Message);
        Assert.Equal("old", File.ReadAllText(_folder["x"]));
        Assert.Equal([_folder["x"]], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_failing_writer_leaves_the_old_file_and_its_own_error()
    {
        File.WriteAllText(_folder["x"], "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(_folder["x"], _ => throw new InvalidOperationException()));
        Assert.Equal("old", File.ReadAllText(_folder["x"]));
        Assert.Equal([_folder["x"]], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_named()
    {
        File.WriteAllText(_folder["file"], "");
        string below = _folder["file/x"];
        Assert.StartsWith($"{below}: cannot be written: ", Assert.Throws<FedSpineException>(() => AtomicFile.WriteText(below, "")).Message);
        Directory.CreateDirectory(_folder["folder"]);
        Assert.StartsWith($"{_folder["folder"]}: cannot be written: ", Assert.Throws<FedSpineException>(() => AtomicFile.WriteText(_folder["folder"], "")).Message);
        Assert.Contains("it is a file", Assert.Throws<FedSpineException>(() => new AtomicFolder(_folder["file"])).Message);
        Assert.Equal(["file", "folder"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_full_device_is_reported()
    {
        if (!File.Exists("/dev/full"))
            Assert.Skip("/dev/full is not present");
        var error = Assert.Throws<FedSpineException>(() => AtomicFile.Write(_folder["x"], s => s.Write(new byte[100]), _ => new FileStream("/dev/full", FileMode.Open, FileAccess.Write)));
        Assert.Contains("No space left on device", error.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(200)]    // inside config.json
    [InlineData(3000)]   // inside the header
    [InlineData(9000)]   // inside the weights
    public void A_full_disk_leaves_the_old_model(int capacity)
    {
        using var backend = HostBackend.Create(1);
        using var old = TinyModels.Random(backend, TinyModels.Llama(ModelHead.CausalLm), Trainable.None, seed: 1);
        using var other = TinyModels.Random(backend, TinyModels.Roberta(ModelHead.MaskedLm), Trainable.None, seed: 2);
        ModelFolder.Save(old, _folder["m"]);
        var before = Directory.EnumerateFiles(_folder["m"]).ToDictionary(f => f, File.ReadAllBytes);
        var open = FullAfter(capacity); // one disk for all files
        foreach (string place in (string[])["m", "new"])
        {
            Assert.Throws<FedSpineException>(() =>
            {
                using var files = new AtomicFolder(_folder[place], open);
                ModelFolder.Save(other, files, SafetensorsType.F32, mergeAdapter: true, tokenizerFrom: null);
            });
        }

        Assert.Equal([_folder["m"]], Directory.EnumerateFileSystemEntries(_folder.Path));
        Assert.Equal(before.Keys.Order(), Directory.EnumerateFileSystemEntries(_folder["m"]).Order());
        Assert.All(before, f => Assert.Equal(f.Value, File.ReadAllBytes(f.Key)));
    }

    /// <summary>Real files on a disk with room for so many bytes in all.</summary>
    private static Func<string, Stream> FullAfter(int capacity)
    {
        int left = capacity;
        return path => new FullDisk(path, count => (left -= count) >= 0);
    }

    private sealed class FullDisk(string path, Func<int, bool> hasRoom) : FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0)
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (!hasRoom(buffer.Length))
                throw new IOException("No space left on device");
            base.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void WriteByte(byte value) => Write([value]);
    }
}
