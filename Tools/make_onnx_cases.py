#!/usr/bin/env python3
"""Makes small ONNX networks of one operator or a few, with onnxruntime's results, for the tests of the reader.

Usage: python3 Tools/make_onnx_cases.py Tests/AthanorONNXTests/Goldens/operators.json

Made with Python 3.11.7, onnx 1.23.2, onnxruntime 1.32.0 and NumPy.
"""

import base64
import json
import pathlib
import sys

import numpy as np
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

rng=np.random.default_rng(0)
def f(*s): return rng.standard_normal(s).round(2).astype(np.float32)
cases={}
def case(name, nodes, x, shape=None, inits={}, opset=17, xtype=T.FLOAT, ytype=T.FLOAT, y='y'):
    shape = list(x.shape) if shape is None else shape
    g=h.make_graph(nodes,'g',[h.make_tensor_value_info('x',xtype,shape)],[h.make_tensor_value_info(y,ytype,None)],[nh.from_array(v,k) for k,v in inits.items()])
    m=h.make_model(g,opset_imports=[h.make_opsetid('',opset)]); m.ir_version=10
    cases[name]=(m,x)
n=h.make_node
i64=lambda *v: np.array(v,np.int64)
x4=f(2,3,4,4)
case('softmax12',[n('Softmax',['x'],['y'])],f(1,3,4,4),['N',3,4,4],opset=11)
case('logsoftmax11',[n('LogSoftmax',['x'],['y'],axis=2)],x4,['N',3,4,4],opset=11)
case('castback',[n('Cast',['x'],['a'],to=T.INT64),n('Cast',['a'],['y'],to=T.FLOAT)],f(2,5)*3,['N',5])
case('castbool',[n('Cast',['x'],['a'],to=T.BOOL),n('Cast',['a'],['y'],to=T.FLOAT)],np.array([[0,1.7,-2,0]],np.float32),['N',4])
for op in 'HardSwish Selu Mish Celu ThresholdedRelu Floor Ceil Round Sinh Tan'.split():
    case(op,[n(op,['x'],['y'])],f(2,7),['N',7],opset=18)
case('lrn',[n('LRN',['x'],['y'],size=3)],f(2,6,3,3),['N',6,3,3])
case('sum',[n('Sum',['x','c','x'],['y'])],f(2,3),['N',3],{'c':f(3)})
case('mean',[n('Mean',['x','c','x'],['y'])],f(2,3),['N',3],{'c':f(3)})
case('where',[n('Greater',['x','z'],['g']),n('Where',['g','x','c'],['y'])],f(2,3),['N',3],{'z':np.float32(0.1),'c':f(3)})
case('wherec',[n('Where',['g','x','c'],['y'])],f(2,3),['N',3],{'g':np.array([True,False,True]),'c':np.float32(-1e9)})
case('constofshape',[n('Shape',['x'],['s']),n('ConstantOfShape',['s'],['c'],value=nh.from_array(np.array([2.5],np.float32))),n('Add',['x','c'],['y'])],f(1,3))
case('argmax',[n('ArgMax',['x'],['a'],axis=1),n('Cast',['a'],['y'],to=T.FLOAT)],x4,['N',3,4,4])
case('argmin',[n('ArgMin',['x'],['a'],axis=-1,keepdims=0),n('Cast',['a'],['y'],to=T.FLOAT)],x4,['N',3,4,4])
case('inorm',[n('InstanceNormalization',['x','s','b'],['y'])],x4,['N',3,4,4],{'s':f(3),'b':f(3)})
case('gnorm',[n('GroupNormalization',['x','s','b'],['y'],num_groups=2)],f(2,4,3,3),['N',4,3,3],{'s':f(4),'b':f(4)},opset=21)
case('concatconst',[n('Concat',['x','c'],['y'],axis=1)],f(1,2,4),None,{'c':f(1,3,4)})
for nm,kw in {'plain':{}, 's2':dict(strides=[2,2]), 's2p':dict(strides=[2,2],pads=[1,1,1,1],output_padding=[1,1]), 'g':dict(group=3),'d':dict(dilations=[2,2],strides=[2,1],pads=[1,0,2,1]),'same':dict(auto_pad='SAME_UPPER',strides=[2,2])}.items():
    w=f(3,1,3,3) if nm=='g' else f(3,5,3,3)
    case('convT_'+nm,[n('ConvTranspose',['x','w','b'],['y'],**kw)],x4,['N',3,4,4],{'w':w,'b':f(3 if nm=='g' else 5)})
case('convT1d',[n('ConvTranspose',['x','w'],['y'],strides=[2])],f(2,3,5),['N',3,5],{'w':f(3,2,3)})
case('conv1d',[n('Conv',['x','w'],['y'],pads=[1,2],strides=[2],dilations=[2])],f(2,3,9),['N',3,9],{'w':f(4,3,3)})
case('maxpool1d',[n('MaxPool',['x'],['y'],kernel_shape=[3],strides=[2],ceil_mode=1)],f(2,3,8),['N',3,8])
for mode in ['nearest','linear','cubic']:
  for co in ['half_pixel','align_corners','asymmetric','pytorch_half_pixel']:
    for nm,sc in {'up':[1,1,2,1.5],'down':[1,1,.6,.75]}.items():
      if mode=='cubic' and co=='asymmetric': continue
      if co=='align_corners' and nm=='down': continue  # no whole number of places: refused
      case(f'resize_{mode}_{co}_{nm}',[n('Resize',['x','','s'],['y'],mode=mode,coordinate_transformation_mode=co)],f(1,2,7,8),None,{'s':np.array(sc,np.float32)},opset=13)
case('resize_sizes',[n('Shape',['x'],['s']),n('Slice',['s','b0','b2'],['s1']),n('Concat',['s1','hw'],['z'],axis=0),n('Resize',['x','','','z'],['y'],mode='linear')],x4,['N',3,4,4],{'b0':i64(0),'b2':i64(2),'hw':i64(7,9)})
case('d2s',[n('DepthToSpace',['x'],['y'],blocksize=2,mode='CRD')],f(2,8,3,2),['N',8,3,2])
case('s2d',[n('SpaceToDepth',['x'],['y'],blocksize=2)],f(2,2,4,6),['N',2,4,6])
case('gatherlast',[n('Gather',['x','i'],['y'],axis=1)],f(2,5,3),['N',5,3],{'i':np.int64(-1)})
case('gather2d',[n('Gather',['x','i'],['y'],axis=2)],f(2,5,3),['N',5,3],{'i':np.array([[0,2],[1,1]],np.int64)})
case('avgceil',[n('AveragePool',['x'],['y'],kernel_shape=[3,3],strides=[2,2],ceil_mode=1,count_include_pad=1,pads=[0,0,0,0])],f(1,2,6,7),['N',2,6,7],opset=19)
case('avgceilpad',[n('AveragePool',['x'],['y'],kernel_shape=[3,3],strides=[2,2],ceil_mode=1,count_include_pad=1,pads=[1,1,1,1])],f(1,2,6,7),['N',2,6,7],opset=19)
case('avgceilpad0',[n('AveragePool',['x'],['y'],kernel_shape=[3,3],strides=[2,2],ceil_mode=1,count_include_pad=0,pads=[1,1,1,1])],f(1,2,6,7),['N',2,6,7],opset=19)
for mode in ['reflect','edge','wrap']:
    case('pad_'+mode,[n('Pad',['x','p'],['y'],mode=mode)],x4,['N',3,4,4],{'p':i64(0,0,1,2,0,0,2,1)},opset=19)
case('pad_neg',[n('Pad',['x','p'],['y'])],x4,['N',3,4,4],{'p':i64(0,0,-1,1,0,0,1,-1)})
case('pad_value_axes',[n('Pad',['x','p','v','a'],['y'])],x4,['N',3,4,4],{'p':i64(1,2,0,1),'v':np.float32(3.5),'a':i64(-1,2)},opset=18)
case('fold_gemm',[n('Identity',['w'],['w0']),n('Transpose',['w0'],['w1']),n('Mul',['w1','k'],['w2']),n('Cast',['w2'],['w3'],to=T.FLOAT16),n('Cast',['w3'],['w4'],to=T.FLOAT),n('Squeeze',['b'],['b1']),n('Gemm',['x','w4','b1'],['y'])],f(2,3),['N',3],{'w':f(4,3),'k':np.float32(2),'b':f(1,4)})
case('fold_clip',[n('Mul',['lo','k'],['l2']),n('Sqrt',['hi'],['h2']),n('Clip',['x','l2','h2'],['y'])],f(2,3),['N',3],{'lo':np.float32(-.25),'k':np.float32(2),'hi':np.float32(.25)})
case('fold_pad',[n('Concat',['p1','p2'],['p'],axis=0),n('Pad',['x','p'],['y'])],x4,['N',3,4,4],{'p1':i64(0,0,1,1),'p2':i64(0,0,1,1)})
case('fold_split',[n('Cast',['s'],['s1'],to=T.INT64),n('Split',['x','s1'],['a','y'],axis=1)],f(2,5),['N',5],{'s':np.array([2,3],np.int32)})
case('fold_matmul',[n('MatMul',['w','v'],['w2']),n('Softmax',['w2'],['w3']),n('MatMul',['x','w3'],['y'])],f(2,3),['N',3],{'w':f(3,2),'v':f(2,4)})
case('reshape_fixed',[n('Reshape',['x','s'],['y'])],f(4,2,3,3),None,{'s':i64(4,-1)})
case('reshape_fixed1',[n('Reshape',['x','s'],['y'])],f(1,2,3,3),None,{'s':i64(1,18)})
case('uint8',[n('Cast',['x'],['a'],to=T.FLOAT),n('Transpose',['a'],['b'],perm=[0,3,1,2]),n('Conv',['b','w'],['y'])],rng.integers(0,255,(2,5,5,3)).astype(np.uint8),['N',5,5,3],{'w':f(4,3,3,3)},xtype=T.UINT8)
case('uint8b',[n('Transpose',['x'],['b'],perm=[0,3,1,2]),n('Cast',['b'],['a'],to=T.FLOAT),n('Mul',['a','k'],['c']),n('Conv',['c','w'],['y'])],rng.integers(0,255,(2,5,5,3)).astype(np.uint8),['N',5,5,3],{'w':f(4,3,3,3),'k':np.float32(1/255)},xtype=T.UINT8)
case('reducenone',[n('ReduceSum',['x','a'],['y'])],f(1,3,4),None,{'a':np.zeros(0,np.int64)})
case('reducenoop',[n('ReduceSum',['x','a'],['y'],noop_with_empty_axes=1)],f(2,3,4),['N',3,4],{'a':np.zeros(0,np.int64)})
case('slice0',[n('Slice',['x','b','e','a'],['y'])],f(5,3),None,{'b':i64(1),'e':i64(3),'a':i64(0)})
case('slicestep',[n('Slice',['x','b','e','a','s'],['y'])],f(2,9,3),['N',9,3],{'b':i64(-1,0),'e':i64(-100,3),'a':i64(1,2),'s':i64(-2,2)})
case('expand',[n('Expand',['x','s'],['y'])],f(1,3,1),None,{'s':i64(1,1,4)})
case('trilu',[n('Trilu',['x'],['y'],upper=0)],f(2,4,4),['N',4,4])
case('globallp',[n('GlobalLpPool',['x'],['y'])],x4,['N',3,4,4])
case('lpnorm',[n('LpNormalization',['x'],['y'],axis=1,p=1)],f(2,3),['N',3])
case('hardmax11',[n('Hardmax',['x'],['y'],axis=1)],x4,['N',3,4,4],opset=11)
case('tile',[n('Tile',['x','r'],['y'])],f(2,3,2),['N',3,2],{'r':i64(1,2,3)})
case('weightnorm',[n('ReduceL2',['v'],['nn'],axes=[1],keepdims=1),n('Div',['v','nn'],['q']),n('Mul',['q','g'],['w']),n('Gemm',['x','w'],['y'],transB=1)],f(2,3),['N',3],{'v':f(4,3),'g':f(4,1)})
half=lambda a:a.astype(np.float16)
case('half',[n('Gemm',['x','w','b'],['y'])],half(f(2,3)),['N',3],{'w':half(f(3,4)),'b':half(f(4))},xtype=T.FLOAT16,ytype=T.FLOAT16)
case('halfkeep',[n('Cast',['x'],['a'],to=T.FLOAT16),n('Gemm',['a','w','b'],['c']),n('Cast',['c'],['y'],to=T.FLOAT)],f(2,3),['N',3],{'w':half(f(3,4)),'b':half(f(4))})

for mode in ['nearest','linear']:
  for nm,sc in {'up':[1,1,2,1.5],'twice':[1,1,2,3],'down':[1,1,.6,.75]}.items():
    case(f'resize10_{mode}_{nm}',[n('Resize',['x','s'],['y'],mode=mode)],f(1,2,7,8),None,{'s':np.array(sc,np.float32)},opset=10)


def listed(array):
    return {"type": array.dtype.name, "shape": list(array.shape), "values": [float(f"{float(v):.9g}") for v in array.reshape(-1)]}


def main():
    goldens = {}
    for name, (model, x) in cases.items():
        y = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
        is_half = "half" in name or name == "fold_gemm"
        goldens[name] = {"model": base64.b64encode(model.SerializeToString()).decode(), "input": listed(x), "output": listed(y), "tolerance": 2e-3 if is_half else 1e-5}
    pathlib.Path(sys.argv[1]).write_text(json.dumps(goldens, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
